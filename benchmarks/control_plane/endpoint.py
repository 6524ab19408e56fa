"""An OpenAI-compatible endpoint that answers arithmetic at once: HTTP/1.1 with keep-alive on an asyncio protocol.

It reads each request, does the sum that the last user turn asks for, answers about 57 % of them right, and writes
about 2 kB of text. Not a web server: it knows the two routes that the benchmarks use, and trusts its client.

``python benchmarks/control_plane/endpoint.py [--port 8000]``
"""

import argparse
import asyncio
import json
import re
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tracegen.engines.pseudotext import pseudotext, slice_of

_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
_SUM = re.compile(r"what is (\d+) \* (\d+) \+ (\d+)\?")
_MODELS = json.dumps({"object": "list", "data": [{"id": "instant", "object": "model"}]}).encode()
CHARS = 2_000
PASS_RATE = 0.57
TRACES = [slice_of(pseudotext(0), number / 64, CHARS) for number in range(64)]


class Connection(asyncio.Protocol):
    """One client's connection: requests in order, answers in order."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end]
            length = _LENGTH.search(head)
            body_ends = end + 4 + (int(length[1]) if length else 0)
            if len(self._received) < body_ends:
                return
            body = self._received[end + 4 : body_ends]
            self._received = self._received[body_ends:]
            self._transport.write(_response(complete(body) if head.startswith(b"POST") else _MODELS))


def _response(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nServer: instant\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


def complete(body: bytes) -> bytes:
    """A chat completion: the sum of the last user turn, right or not by a hash of the request."""
    asked = json.loads(body)
    turn = next(message["content"] for message in reversed(asked["messages"]) if message["role"] == "user")
    drawn = zlib.crc32(body)
    found = _SUM.search(turn)
    a, b, c = map(int, found.groups()) if found else (0, 0, 0)
    answer = a * b + c + (0 if drawn % 1000 < PASS_RATE * 1000 else 1 + drawn % 97)
    text = f"{TRACES[drawn % len(TRACES)]}\n</think>\n\nThe answer is \\boxed{{{answer}}}."
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": len(body) // 4, "completion_tokens": len(text) // 4}
    return json.dumps({"object": "chat.completion", "choices": [choice], "usage": usage}).encode()


async def serve(port: int) -> None:
    """Until stopped. Prints its base URL first."""
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


@contextmanager
def serving() -> Iterator[str]:
    """The endpoint in a process of its own; gives its base URL."""
    with Popen([sys.executable, __file__, "--port", "0"], stdout=PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    asyncio.run(serve(parser.parse_args().port))
