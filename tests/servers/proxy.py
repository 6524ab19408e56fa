"""A proxy in front of an S3 server that breaks requests as it is told: a bad network, and a server with bad moments."""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from urllib.parse import urlsplit

SLOW_S = 0.4

PUT_FAULTS = ("503", "500", "409", "broken upload", "done, then 500", "done, then reset")
GET_FAULTS = ("503", "slow read", "broken read")


@dataclass
class Proxy:
    """Where it listens, how often it breaks what, and what it has broken."""

    target: str
    share: float
    """Of requests that meet a fault."""
    rng: Random
    endpoint: str = ""
    broken: Counter[str] = field(default_factory=Counter)
    passed: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fault(self, verb: str, *, conditional: bool) -> str:
        """What happens to the next request; empty for nothing."""
        with self._lock:
            faults = PUT_FAULTS if verb == "PUT" else GET_FAULTS if verb == "GET" else ("503",)
            chosen = self.rng.choice(faults) if self.rng.random() < self.share else ""
            if chosen == "409" and not conditional:
                chosen = "503"
            self.passed += not chosen
            self.broken[f"{verb} {chosen}"] += bool(chosen)
            return chosen


@contextmanager
def faulty_proxy(target: str, *, share: float, seed: int) -> Iterator[Proxy]:
    proxy = Proxy(target, share, Random(seed))
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": proxy}))
    server.daemon_threads = True
    server.block_on_close = False
    proxy.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    proxy: Proxy
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_PUT(self) -> None:
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:
        fault = self.proxy.fault(self.command, conditional="If-None-Match" in self.headers)
        length = int(self.headers.get("Content-Length") or 0)
        if fault == "broken upload":
            self.rfile.read(length // 2)
            self.close_connection = True
            return
        body = self.rfile.read(length)
        if fault in ("500", "503", "409"):
            code = {"500": "InternalError", "503": "SlowDown", "409": "ConditionalRequestConflict"}[fault]
            self._answer(int(fault), {}, f"<Error><Code>{code}</Code></Error>".encode())
            return
        status, headers, answer = self._forward(body)
        if fault == "done, then reset":
            self.close_connection = True
        elif fault == "done, then 500":
            self._answer(500, {}, b"<Error><Code>InternalError</Code></Error>")
        else:
            self._answer(status, headers, answer, fault)

    def _forward(self, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        # The signature covers the host that the client was told: it travels as it is.
        connection = http.client.HTTPConnection(urlsplit(self.proxy.target).netloc, timeout=30)
        try:
            kept = {name: value for name, value in self.headers.items() if name.lower() not in ("connection", "expect")}
            connection.request(self.command, self.path, body or None, kept)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes, fault: str = "") -> None:
        with suppress(OSError):
            self.send_response_only(status)
            for name, value in headers.items():
                if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                    self.send_header(name, value)
            empty = self.command == "HEAD"
            self.send_header("Content-Length", headers.get("Content-Length", "0") if empty else str(len(body)))
            self.end_headers()
            half = len(body) // 2
            self.wfile.write(b"" if empty else body[:half])
            self.wfile.flush()
            if fault == "slow read":
                time.sleep(SLOW_S)
            if fault == "broken read":
                self.close_connection = True
                return
            self.wfile.write(b"" if empty else body[half:])
