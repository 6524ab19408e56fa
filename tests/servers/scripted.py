"""A tiny S3 server that answers as it is told: for the faults that no real server can be made to show."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import urlsplit

Answer = int | Literal["reset", "done-then-reset", "done-then-500", "hang"]
"""What happens to one PUT: an HTTP status, or a connection that breaks before or after the write was done."""

CODES = {
    403: "AccessDenied",
    404: "NoSuchBucket",
    409: "ConditionalRequestConflict",
    500: "InternalError",
    503: "SlowDown",
}


@dataclass
class ScriptedS3:
    """Objects, and what will happen to the next writes."""

    endpoint: str = ""
    puts: list[Answer] = field(default_factory=list)
    honours_conditions: bool = True
    objects: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def env(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
        }


@contextmanager
def scripted_s3(puts: Sequence[Answer] = (), *, honours_conditions: bool = True, port: int = 0) -> Iterator[ScriptedS3]:
    state = ScriptedS3(puts=[*puts], honours_conditions=honours_conditions)
    server = ThreadingHTTPServer(("127.0.0.1", port), type("Handler", (_Handler,), {"state": state}))
    server.daemon_threads = True
    server.block_on_close = False
    state.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        state.stop.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    state: ScriptedS3
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer: Answer = self.state.puts.pop(0) if self.state.puts else 200
        self.state.requests.append(f"PUT {answer}")
        if answer == "hang":
            self.state.stop.wait(30)
        if isinstance(answer, int) and answer != 200:
            return self._answer(answer)
        if answer in ("reset", "hang"):
            return self._reset()
        status = self._store(body)
        if answer == "done-then-reset":
            return self._reset()
        return self._answer(500 if answer == "done-then-500" else status)

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if "list-type" in parts.query:
            return self._answer(200, self._listing().encode())
        if parts.path not in self.state.objects:
            return self._answer(404, _error("NoSuchKey"))
        return self._answer(200, self.state.objects[parts.path][0])

    def do_HEAD(self) -> None:
        self.state.requests.append("HEAD")
        found = self.state.objects.get(urlsplit(self.path).path)
        self.send_response(200 if found else 404)
        if found:
            self.send_header("x-amz-meta-writer", found[1])
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_DELETE(self) -> None:
        self.state.objects.pop(urlsplit(self.path).path, None)
        self._answer(204)

    def _store(self, body: bytes) -> int:
        key = urlsplit(self.path).path
        if self.state.honours_conditions and self.headers.get("If-None-Match") == "*" and key in self.state.objects:
            return 412
        self.state.objects[key] = (body, self.headers.get("x-amz-meta-writer", ""))
        return 200

    def _listing(self) -> str:
        keys = sorted(path.removeprefix("/").partition("/")[2] for path in self.state.objects)
        contents = "".join(f"<Contents><Key>{key}</Key><Size>1</Size></Contents>" for key in keys)
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"

    def _answer(self, status: int, body: bytes | None = None) -> None:
        if body is None:
            body = b"" if status in (200, 204) else _error(CODES.get(status, "PreconditionFailed"))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _reset(self) -> None:
        self.close_connection = True


def _error(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
