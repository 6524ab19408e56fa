"""A chat completion that comes in events, put together to the answer that a server gives at once. Reads no network."""

from collections.abc import Mapping
from typing import Any

from tracegen.filters.watch import LoopWatch
from tracegen.types import FinishReason


class Streamed:
    """Takes events as they come, and sees with ``watch`` that the text loops."""

    def __init__(self, watch: LoopWatch | None) -> None:
        self.seen = 0
        """Events with a choice: a token each, or a few."""
        self.looped = False
        self._watch = watch
        self._message: dict[str, str] = {}
        self._finish_reason: str | None = None
        self._usage: Mapping[str, int] | None = None

    def take(self, event: Mapping[str, Any]) -> None:
        self._usage = event.get("usage") or self._usage
        for choice in event.get("choices", ())[:1]:
            self.seen += 1
            self._finish_reason = choice.get("finish_reason") or None
            for name, piece in (choice.get("delta") or {}).items():
                if isinstance(piece, str):
                    self._message[name] = self._message.get(name, "") + piece
                    self.looped = self.looped or (name != "role" and self._loops(piece))

    def _loops(self, piece: str) -> bool:
        """What has come to its end is no loop any more."""
        return self._watch is not None and self._finish_reason is None and self._watch.feed(piece)

    @property
    def whole(self) -> dict[str, Any]:
        """As the body of a response. A server that counts only at the end never counts what was stopped."""
        reason = FinishReason.LOOPED if self.looped else self._finish_reason
        usage = self._usage or ({"completion_tokens": self.seen} if self.looped else None)
        return {"choices": [{"message": self._message, "finish_reason": reason}], "usage": usage}
