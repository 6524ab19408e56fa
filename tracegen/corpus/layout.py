"""How a corpus is cut into files before its text is read: by weight over the space of prompt ids. Pure."""

from array import array
from bisect import bisect_right
from collections.abc import Sequence

BUCKETS = 1 << 16
"""Prompt ids are hashes, so their first 16 bits spread evenly: memory is bounded, whatever the corpus."""


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
    """Which file a prompt's samples go to. Files follow one another in the order of ids."""

    def __init__(self, starts: Sequence[int]) -> None:
        self._starts = starts

    def __len__(self) -> int:
        return len(self._starts)

    def file_of(self, prompt_id: str) -> int:
        return max(0, bisect_right(self._starts, bucket(prompt_id)) - 1)

    def name(self, number: int) -> str:
        return f"train-{number:05d}-of-{len(self):05d}.parquet"


def bucket(prompt_id: str) -> int:
    return int(prompt_id[:4], 16)
