"""Prompts that wait for a slot: in order of arrival, and longest first once the queue runs dry.

While there is plenty of work the order does not matter to the makespan, and first come keeps few shards open. At the
end the longest trace that starts last is what everybody waits for (LPT rule: Graham 1969).
"""

import heapq
from collections import deque
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracegen.scheduling.state import OpenPrompt


class ReadyQueue:
    """One domain's prompts that want an attempt."""

    def __init__(self) -> None:
        self._line: deque[OpenPrompt] = deque()
        self._longest: list[tuple[float, int, OpenPrompt]] | None = None
        self._order = count()

    def __len__(self) -> int:
        return len(self._line) if self._longest is None else len(self._longest)

    def push(self, prompt: "OpenPrompt", *, first: bool) -> None:
        """Add a prompt; ``first`` puts it at the head, while the order is that of arrival."""
        if self._longest is not None:
            heapq.heappush(self._longest, self._entry(prompt))
        elif first:
            self._line.appendleft(prompt)
        else:
            self._line.append(prompt)

    def head(self) -> "OpenPrompt":
        return self._line[0] if self._longest is None else self._longest[0][2]

    def pop(self) -> "OpenPrompt":
        return self._line.popleft() if self._longest is None else heapq.heappop(self._longest)[2]

    def clear(self) -> None:
        self._line.clear()
        if self._longest is not None:
            self._longest.clear()

    def longest_first(self) -> None:
        """From now on, by expected length."""
        if self._longest is None:
            self._longest = [self._entry(prompt) for prompt in self._line]
            heapq.heapify(self._longest)
            self._line.clear()

    def _entry(self, prompt: "OpenPrompt") -> "tuple[float, int, OpenPrompt]":
        return (-prompt.expected_tokens, next(self._order), prompt)
