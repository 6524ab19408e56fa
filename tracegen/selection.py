"""Which of the accepted traces become samples: the first few of each prompt, then a quota per domain. Pure."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable

from tracegen.types import Attempt


def keep(accepted: Iterable[Attempt], limit: int) -> list[tuple[Attempt, int]]:
    """The first ``limit`` of each prompt by index, each with its place among them, from 0; sorted."""
    places: dict[str, int] = defaultdict(int)
    kept = []
    for attempt in sorted(accepted):
        place = places[attempt.prompt_id]
        places[attempt.prompt_id] += 1
        if place < limit:
            kept.append((attempt, place))
    return kept


def precedence(attempt: Attempt, place: int, seed: int) -> int:
    """Which trace a quota takes first, as 64 bits: a prompt's first trace before any second one, else by a seeded hash.

    Comparing with a threshold is all it takes to apply a quota, so nobody has to hold the set.
    """
    digest = hashlib.sha256(f"{seed}\0{attempt.attempt_id}".encode()).digest()
    return min(place, 255) << 56 | int.from_bytes(digest[:7], "big")


def threshold(precedences: Iterable[int], quota: int) -> int:
    """The highest precedence that a quota still admits."""
    ordered = sorted(precedences)
    return ordered[quota - 1] if len(ordered) >= quota else 2**64
