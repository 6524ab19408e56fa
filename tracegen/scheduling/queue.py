"""Prompts that wait for a slot: in order of arrival, and by rank once the queue runs dry.

While there is plenty of work the order does not matter to the makespan, and first come keeps few shards open. At the
end the longest trace that starts last is what everybody waits for (LPT rule: Graham 1969).
"""

import heapq
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracegen.scheduling.state import OpenPrompt


class ReadyQueue:
    """One domain's prompts that want an attempt."""

    def __init__(self) -> None:
        self._line: deque[OpenPrompt] = deque()
        self._ranked: list[tuple[tuple[float, ...], int, OpenPrompt]] = []
        self._rank: Callable[[OpenPrompt], tuple[float, ...]] | None = None
        self._order = count()

    def __len__(self) -> int:
        return len(self._line) or len(self._ranked)

    def push(self, prompt: "OpenPrompt", *, first: bool) -> None:
        """Add a prompt; ``first`` puts it at the head, while the order is that of arrival."""
        if self._rank is not None:
            heapq.heappush(self._ranked, (self._rank(prompt), next(self._order), prompt))
        elif first:
            self._line.appendleft(prompt)
        else:
            self._line.append(prompt)

    def head(self) -> "OpenPrompt":
        return self._line[0] if self._rank is None else self._ranked[0][2]

    def pop(self) -> "OpenPrompt":
        return self._line.popleft() if self._rank is None else heapq.heappop(self._ranked)[2]

    def clear(self) -> None:
        self._line.clear()
        self._ranked.clear()

    def by_arrival(self) -> None:
        """From now on, in order of arrival."""
        self._rank = None
        self._line.extend(prompt for *_, prompt in sorted(self._ranked))
        self._ranked.clear()

    def ranked(self, rank: "Callable[[OpenPrompt], tuple[float, ...]]") -> None:
        """From now on, the lowest rank first."""
        self._rank = rank
        waiting = [*self._line, *(prompt for _, _, prompt in self._ranked)]
        self._line.clear()
        self._ranked = [(rank(prompt), next(self._order), prompt) for prompt in waiting]
        heapq.heapify(self._ranked)
