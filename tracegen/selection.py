"""Which of the accepted traces become samples: a few of each prompt by a named strategy, then quotas. Pure.

What a quota admits depends on how many traces a prompt has and not on which: so quotas are settled without text, and
a strategy only ever sees the traces of one prompt.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import NamedTuple, TypeAlias

from tracegen.types import Attempt

NGRAM = 3
"""Words that make a gram, as in the comparison of prompts."""
EVERYTHING = 2**64
"""A threshold that admits every precedence."""

_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]|[^\W_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]+"
)
"""Scripts that put no spaces between words go by the character."""

Gram: TypeAlias = tuple[str, ...]


class Candidate(NamedTuple):
    """An accepted trace, as a strategy sees it."""

    attempt: Attempt
    completion_tokens: int
    text: str = ""
    """Its reasoning, or the answer of one without; empty for strategies that read none."""


Strategy: TypeAlias = Callable[[Sequence[Candidate], int, int], list[Candidate]]
"""So many of one prompt's candidates, the first choice first; the last argument is the run's seed."""


def first(candidates: Sequence[Candidate], number: int, seed: int) -> list[Candidate]:  # noqa: ARG001 - one shape
    """In the order of their index."""
    return sorted(candidates, key=lambda one: one.attempt)[:number]


def shortest(candidates: Sequence[Candidate], number: int, seed: int) -> list[Candidate]:  # noqa: ARG001 - one shape
    """The fewest tokens first; of two as long, the lower index."""
    return sorted(candidates, key=lambda one: (one.completion_tokens, one.attempt))[:number]


def random(candidates: Sequence[Candidate], number: int, seed: int) -> list[Candidate]:
    """By a seeded hash of the attempt."""
    return sorted(candidates, key=lambda one: (_hash(seed, one.attempt.attempt_id), one.attempt))[:number]


def diverse(candidates: Sequence[Candidate], number: int, seed: int) -> list[Candidate]:
    """The lowest index, then always the one that is least like those taken: Jaccard similarity of word n-grams.

    How alike it is to the taken one that it resembles most decides; of two as far, the lower index.
    """
    left = [(one, grams(one.text)) for one in first(candidates, len(candidates), seed)]
    taken: list[Candidate] = []
    alike = [0.0] * len(left)
    while left and len(taken) < number:
        place = min(range(len(left)), key=alike.__getitem__)
        (chosen, its), _ = left.pop(place), alike.pop(place)
        taken.append(chosen)
        alike = [max(before, similarity(its, other)) for before, (_, other) in zip(alike, left, strict=True)]
    return taken


STRATEGIES: Mapping[str, Strategy] = {"first": first, "shortest": shortest, "random": random, "diverse": diverse}
"""By the name that a recipe uses."""
READS_TEXT = frozenset({"diverse"})


def grams(text: str) -> frozenset[Gram]:
    """Every ``NGRAM`` words in a row; all the words where there are fewer."""
    words = _WORD.findall(text.casefold())
    runs = [islice(words, start, None) for start in range(NGRAM)]
    return frozenset(zip(*runs, strict=False)) or frozenset([tuple(words)])


def similarity(one: frozenset[Gram], other: frozenset[Gram]) -> float:
    """Jaccard: shared ÷ all. Both sets have something in them."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


def precedence(prompt_id: str, place: int, seed: int) -> int:
    """What a quota takes first, as 64 bits: a prompt's first trace before any second one, else by a seeded hash.

    Comparing with a threshold is all it takes to apply a quota, so nobody has to hold the set.
    """
    return min(place, 255) << 56 | _hash(seed, f"{prompt_id}.{place}") >> 8


def threshold(precedences: Iterable[int], quota: int) -> int:
    """The highest precedence that a quota still admits; below all of them for a quota of nothing."""
    if quota <= 0:
        return -1
    ordered = sorted(precedences)
    return ordered[quota - 1] if len(ordered) >= quota else EVERYTHING


def admitted(prompt_id: str, traces: int, last: int, seed: int) -> int:
    """How many of a prompt's traces have a precedence up to the threshold ``last``."""
    if last >= EVERYTHING:
        return traces
    return sum(precedence(prompt_id, place, seed) <= last for place in range(traces))


def _hash(seed: int, name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}\0{name}".encode()).digest()[:8], "big")
