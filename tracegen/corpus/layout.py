"""How a corpus is cut into files before its text is read: by weight over the space of prompt ids. Pure."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

BUCKETS = 1 << 16
"""Prompt ids are hashes, so their first 16 bits spread evenly: memory is bounded, whatever the corpus."""


END = "g"
"""Above every id, which are hex digits."""


@dataclass(frozen=True, slots=True)
class Span:
    """Prompt ids, and attempt ids, from ``first`` to before ``end``."""

    first: str
    end: str

    def __contains__(self, an_id: str) -> bool:
        return self.first <= an_id < self.end

    def meets(self, first: str, end: str) -> bool:
        """Whether ids from ``first`` to before ``end`` may be in here."""
        return first < self.end and self.first < end


class Weights:
    """Bytes to come, by prompt id."""

    def __init__(self) -> None:
        self._buckets = array("d", bytes(8 * BUCKETS))

    def add(self, prompt_id: str, size_bytes: float) -> None:
        self._buckets[bucket(prompt_id)] += size_bytes

    def cut(self, file_bytes: int) -> "Layout":
        """Files of about equal weight, none above ``file_bytes`` by more than one bucket, none empty."""
        total = sum(self._buckets)
        share = total / max(1, -(-int(total) // file_bytes))
        starts: list[int] = []
        before, last = 0.0, -1
        for number, weight in enumerate(self._buckets):
            if weight and (place := int(before / share)) > last:
                starts.append(number)
                last = place
            before += weight
        return Layout(starts or [0])


class Layout:
    """Which ids go to which file. Files follow one another in the order of ids."""

    def __init__(self, starts: Sequence[int]) -> None:
        self._starts = starts

    def __len__(self) -> int:
        return len(self._starts)

    def span(self, number: int) -> Span:
        """The ids that the file with this number holds."""
        first = f"{self._starts[number]:04x}" if number else ""
        last = number + 1 == len(self)
        return Span(first, END if last else f"{self._starts[number + 1]:04x}")

    def name(self, number: int) -> str:
        return f"train-{number:05d}-of-{len(self):05d}.parquet"


def bucket(prompt_id: str) -> int:
    return int(prompt_id[:4], 16)
