"""A mail server of the aiosmtpd stack that keeps what it is sent, for tests of the notifications.

Prints `READY <port>`, then each mail as a line of JSON: whether the connection was encrypted, who was authenticated,
sender, recipients, headers and text. With `--tls` it makes an authority of its own and writes its certificate to
`--authority`. Ends on SIGTERM or when standard input closes.
"""

import argparse
import asyncio
import email
import email.policy
import json
import logging
import signal
import sys
import warnings
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from authority import authority


class Sink:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        told = {
            "encrypted": server.transport.get_extra_info("ssl_object") is not None,
            "user": (session.auth_data or b"").decode(),
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "headers": {name.lower(): str(value) for name, value in mail.items()},
            "text": mail.get_content(),
        }
        print(json.dumps(told), flush=True)
        return "250 OK"


async def serve(arguments: argparse.Namespace) -> None:
    loop, sink = asyncio.get_running_loop(), Sink()
    context = authority(Path(arguments.authority)) if arguments.tls else None

    def authenticate(server, session, envelope, mechanism, data) -> AuthResult:
        good = isinstance(data, LoginPassword) and data.password.decode() == arguments.password
        return AuthResult(success=good, auth_data=data.login if good else None)

    def protocol() -> SMTP:
        return SMTP(
            sink,
            loop=loop,
            hostname="localhost",
            tls_context=context if arguments.tls == "starttls" else None,
            require_starttls=arguments.tls == "starttls",
            authenticator=authenticate if arguments.password else None,
            auth_required=bool(arguments.password),
            auth_require_tls=arguments.tls == "starttls",
        )

    implicit = context if arguments.tls == "tls" else None
    server = await loop.create_server(protocol, "127.0.0.1", arguments.port, ssl=implicit)
    stop = stop_signal()
    print(f"READY {server.sockets[0].getsockname()[1]}", flush=True)
    await stop.wait()
    server.close()


def stop_signal() -> asyncio.Event:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def input_closed() -> None:
        if not sys.stdin.buffer.read1(4096):
            loop.remove_reader(sys.stdin)
            stop.set()

    loop.add_reader(sys.stdin, input_closed)
    return stop


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tls", choices=["starttls", "tls"])
    parser.add_argument("--authority", help="file for the certificate of the authority")
    parser.add_argument("--password", help="password that every user has to have")
    # Over TLS from the start it takes the connection for one without; that a client refuses it is tested.
    warnings.filterwarnings("ignore", module="aiosmtpd")
    logging.disable(logging.CRITICAL)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
