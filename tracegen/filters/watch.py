"""Sees that a text loops while it is being written, for an engine to stop it. Judges no finished text: ``loops.py`` does.

Pure, and in bounded memory. It looks at fixed places, every ``STEP`` characters: how the text is cut into pieces on its
way changes no decision.
"""

from collections import Counter, deque

from tracegen.filters.loops import ENDS, LETTERS, RUNAWAY, is_long
from tracegen.types import Guard, LoopGuard

STEP = 128
"""Characters from one look to the next, about 35 tokens."""
WINDOW = 16_384
"""Characters that are remembered. A block longer than ``WINDOW / in_a_row`` repeats itself unseen."""
RECENT = 60
"""Long sentences that are remembered, by a hash: one in three must be the same. With 400, boilerplate was stopped in 16 of
578 files of Python's standard library; with 60, in three of its tests."""
WORDLESS = 5
"""Grids and columns without words must go on so many times as long, as they are drawn again for a reason."""
_PROBE = 32
_TRIES = 8


class LoopWatch:
    """Watches one completion. It remembers at most 16,384 characters and 60 hashes; a token takes microseconds."""

    def __init__(self, guard: LoopGuard) -> None:
        self.at: int | None = None
        """So many characters had come when it was seen; None while there is no loop."""
        self._guard = guard
        self._taken = 0
        self._pending = ""
        self._tail = ""
        self._sentence = ""
        self._recent: deque[int] = deque()
        self._counts: Counter[int] = Counter()

    def feed(self, piece: str) -> bool:
        """Whether the text with this piece, or an earlier one, loops."""
        self._pending += piece
        start = 0
        while self.at is None and len(self._pending) - start >= STEP:
            self._look(self._pending[start : start + STEP])
            start += STEP
        self._pending = self._pending[start:] if self.at is None else ""
        return self.at is not None

    def _look(self, step: str) -> None:
        self._taken += STEP
        self._tail = (self._tail + step)[-WINDOW:]
        if self._said_too_often(step) or self._repeats():
            self.at = self._taken

    def _said_too_often(self, step: str) -> bool:
        """A long sentence, as the filter has it, among the recent ones."""
        *ended, self._sentence = ENDS.split(self._sentence + step)
        self._sentence = self._sentence[-RUNAWAY:]
        most = max((self._count(said) for piece in ended if is_long(said := piece.strip())), default=0)
        return most > self._guard.max_repeats

    def _count(self, sentence: str) -> int:
        said = hash(sentence)
        self._recent.append(said)
        self._counts[said] += 1
        if len(self._recent) > RECENT:
            oldest = self._recent.popleft()
            self._counts[oldest] -= 1
            if not self._counts[oldest]:
                del self._counts[oldest]
        return self._counts[said]

    def _repeats(self) -> bool:
        """The text ends with a block that stands there again and again, letter by letter."""
        tail = self._tail
        probe, last = tail[-_PROBE:], len(tail) - _PROBE
        found = last
        for _ in range(_TRIES):
            # Where the probe stood before, as far back as a block may begin.
            found = tail.rfind(probe, last - len(tail) // self._guard.in_a_row, found + _PROBE - 1)
            if found < 0:
                return False
            if self._has_period(last - found):
                return True
        return False

    def _has_period(self, period: int) -> bool:
        tail, guard = self._tail, self._guard
        block = tail[-period:]
        words = "\n" not in block or LETTERS.search(block)
        chars = max(guard.min_chars * (1 if words else WORDLESS), (guard.in_a_row - 1) * period)
        return chars + period <= len(tail) and tail[-chars:] == tail[-chars - period : -period]


def watching(guard: Guard | None) -> LoopWatch | None:
    """A watch for one completion, where the guard asks for one."""
    return LoopWatch(guard.loops) if guard and guard.loops else None
