"""The load balancing half of the bed alone, in a process: its API on one port, its plane on loopback addresses.

Run by the bed's interpreter from the repository's root: python tests/testbed/balancer_host.py ADDRESS NET SCALE
Prints the endpoint once it answers; ends when its standard input is closed.
"""

import http.server
import sys
import threading
from typing import Any
from urllib.parse import parse_qs

from testbed import strict, wire
from testbed.addresses import Addresses
from testbed.elbv2 import Elbv2
from testbed.plane import Plane

MODEL = wire.service_model("elbv2")


def main(address: str, net: str, scale: float) -> None:
    lock = threading.RLock()
    api = Elbv2("us-east-1", "000000000000", Addresses(net), scale)
    declared: dict[str, str] = {}
    plane = Plane(lambda: [api], lock, scale, declared=declared.get)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            operation = parse_qs(body.decode())["Action"][0]
            try:
                with lock:
                    answer = strict.call(MODEL, api, operation, wire.parse(MODEL, operation, body))
                    status, headers, content = wire.answer(MODEL, operation, answer)
            except wire.AwsError as e:
                status, headers, content = wire.failure("query", e.code, e.message, e.status)
            self.answer(status, headers, content)

        def do_PUT(self) -> None:
            """PUT /held/ADDRESS/PORT: does the load balancer still hold the target? PUT /declare/ADDRESS/STATE."""
            _, what, name, value = self.path.split("/")
            found = ""
            with lock:
                if what == "declare":
                    declared[name] = value
                elif any(group.target(name, int(value)) for group in api.groups.values()):
                    found = "held"
            self.answer(200, [], found.encode())

        def answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
            self.send_response(status)
            for name, value in headers:
                if name.lower() != "content-length":
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *words: Any) -> None:
            """Quiet."""

    plane.start()
    server = http.server.ThreadingHTTPServer((address, 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"http://{address}:{server.server_address[1]}\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.shutdown()
    plane.stop()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
