#!/bin/sh
# Runs a PostgreSQL server for tests on 127.0.0.1, port $1, until standard input ends; prints "ready" when it answers.
# Lines of standard input: "stop" ends it at once, as a crash does, and is answered "stopped"; "start", with "ready".
# $2 is the text of this script, so that it can go on as another user who may not read the file.
set -eu
port=$1
for bin in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV) "$(pg_config --bindir 2>/dev/null || true)"; do
    if [ -x "$bin/initdb" ] && [ -x "$bin/pg_ctl" ]; then break; fi
    bin=
done
if [ -z "${bin:-}" ]; then echo "initdb and pg_ctl are not installed" >&2; exit 3; fi

# PostgreSQL does not run as root.
if [ "$(id -u)" = 0 ]; then
    user=nobody
    if id postgres >/dev/null 2>&1; then user=postgres; fi
    exec setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups env HOME=/tmp TMPDIR=/tmp sh -c "$2" "$0" "$port" "$2"
fi

# A signal to the whole group of the tests must not leave the server behind: the end of the input ends it.
trap '' INT TERM HUP
cd /
folder=$(mktemp -d "${TMPDIR:-/tmp}/flyball-postgres.XXXXXX")
end() {
    "$bin/pg_ctl" --pgdata="$folder/data" --mode=immediate stop >/dev/null 2>&1 || true
    rm -rf "$folder"
}
trap end EXIT
"$bin/initdb" --pgdata="$folder/data" --auth=trust --username=flyball --encoding=UTF8 --locale=C --no-sync >"$folder/initdb" 2>&1 ||
    { cat "$folder/initdb" >&2; exit 1; }
options="-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories='$folder' -c max_connections=200 -c fsync=off"
start() {
    "$bin/pg_ctl" --pgdata="$folder/data" --log="$folder/log" --wait --timeout=60 --options="$options" start >/dev/null ||
        { cat "$folder/log" >&2; exit 1; }
    echo ready
}
start
while read -r command; do
    case $command in
        stop) "$bin/pg_ctl" --pgdata="$folder/data" --mode=immediate stop >/dev/null && echo stopped ;;
        start) start ;;
    esac
done
