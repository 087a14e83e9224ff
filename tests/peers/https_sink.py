"""An HTTPS server that takes what is posted, for tests of the webhooks.

Makes an authority of its own and writes its certificate to the file given. Prints `READY <port>`, then each body as a
line. Ends when standard input closes.
"""

import http.server
import sys
import threading
from pathlib import Path

from authority import authority


class Sink(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        print(body.decode(), flush=True)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    server.socket = authority(Path(sys.argv[1])).wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"READY {server.server_address[1]}", flush=True)
    sys.stdin.buffer.read()
    server.shutdown()


if __name__ == "__main__":
    main()
