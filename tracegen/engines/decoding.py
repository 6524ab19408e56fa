"""Processor sharing: many sequences that decode together, each the slower the more there are. Knows no text."""

import asyncio
import heapq
from collections import deque
from dataclasses import dataclass, field


@dataclass(order=True, slots=True)
class _Sequence:
    ends_at: float
    """In tokens decoded by a sequence that was there from the start."""
    number: int
    tokens: int = field(compare=False)
    done: "asyncio.Future[None]" = field(compare=False)


class Decoder:
    """At most ``slots`` sequences decode at once; the others wait, first come, first served."""

    def __init__(self, slots: int, tokens_per_s: float, half_rate_at: float, time_scale: float) -> None:
        self._slots = slots
        self._rate_alone = tokens_per_s / time_scale
        self._half_rate_at = half_rate_at
        self._decoded = 0.0
        self._total = 0.0
        self._at = 0.0
        self._number = 0
        self._running: list[_Sequence] = []
        self._waiting: deque[_Sequence] = deque()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def tokens(self) -> int:
        """Tokens decoded up to now, over all sequences."""
        if self._running:
            self._advance()
        return int(self._total + 1e-6)

    async def decode(self, tokens: int) -> None:
        """Return when so many tokens are decoded. Cancelling frees the slot."""
        self._number += 1
        sequence = _Sequence(0.0, self._number, tokens, asyncio.get_running_loop().create_future())
        self._advance()
        self._waiting.append(sequence)
        self._settle()
        try:
            await sequence.done
        except asyncio.CancelledError:
            self._forget(sequence)
            raise

    def stop(self, error: Exception) -> None:
        """End every sequence with an error."""
        for sequence in (*self._running, *self._waiting):
            if not sequence.done.done():
                sequence.done.set_exception(error)
        self._running.clear()
        self._waiting.clear()
        if self._timer:
            self._timer.cancel()

    def _rate(self) -> float:
        return self._rate_alone / (1 + len(self._running) / self._half_rate_at)

    def _advance(self) -> None:
        now = asyncio.get_running_loop().time()
        step = (now - self._at) * self._rate() if self._running else 0.0
        self._decoded += step
        self._total += step * len(self._running)
        self._at = now

    def _settle(self) -> None:
        """Finish what is decoded, fill the free slots, and wake up when the next one ends."""
        while self._running and self._running[0].ends_at <= self._decoded + 1e-6:
            sequence = heapq.heappop(self._running)
            self._total -= self._decoded - sequence.ends_at
            if not sequence.done.done():
                sequence.done.set_result(None)
        while self._waiting and len(self._running) < self._slots:
            sequence = self._waiting.popleft()
            sequence.ends_at = self._decoded + sequence.tokens
            heapq.heappush(self._running, sequence)
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._running:
            wait_s = (self._running[0].ends_at - self._decoded) / self._rate()
            self._timer = asyncio.get_running_loop().call_later(max(0.0, wait_s), self._wake)

    def _wake(self) -> None:
        self._advance()
        self._settle()

    def _forget(self, sequence: _Sequence) -> None:
        self._advance()
        if sequence in self._waiting:
            self._waiting.remove(sequence)
        if sequence in self._running:
            self._running.remove(sequence)
            heapq.heapify(self._running)
        self._settle()
