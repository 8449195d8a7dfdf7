"""Answers whatever is posted, and counts it: `... COUNTER`, which says the port first, as -PORT."""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from rig.counter import Counter


def main() -> None:
    counter = Counter(Path(sys.argv[1]))

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            counter.value = max(counter.value, 0) + 1
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        counter.value = -server.server_port
        server.serve_forever()


if __name__ == "__main__":
    main()
