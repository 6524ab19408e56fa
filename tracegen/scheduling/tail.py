"""The end of a run: short work is kept for it, so that the last long traces do not leave all other slots idle."""

from collections.abc import Sequence

from tracegen.scheduling.state import DomainState

SHORTER = 1.1
"""Only a domain whose traces are so many times shorter than another's is worth keeping for the end."""
LONG = 5.0
"""A trace of so many times the mean is to be expected, before any was seen: short ones come back first."""


def kept_for_the_end(wanting: Sequence[DomainState], in_flight: int) -> frozenset[DomainState]:
    """The domains with the shortest traces, as far as they are needed.

    A long trace that starts last keeps one slot busy and all others idle. They stay busy while there is short work: as
    much as all slots decode in the time of the longest trace.
    """
    longest = max((domain.mean_tokens for domain in wanting), default=0.0)
    needed = in_flight * max(LONG * longest, *(float(domain.longest) for domain in wanting), 0.0)
    kept = set()
    for domain in sorted(wanting, key=lambda d: d.mean_tokens):
        needed -= domain.coming_tokens
        if needed < 0 or domain.mean_tokens * SHORTER >= longest:
            break
        kept.add(domain)
    return frozenset(kept)
