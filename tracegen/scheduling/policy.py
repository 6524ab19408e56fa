"""How many attempts a prompt gets, as plain functions of what is known about it. No state, no clock, no randomness.

A policy answers one question: how many more attempts to hand out now. The scheduler asks again after each verdict.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from tracegen.recipe import Rejection


class Standing(NamedTuple):
    """What is known about one prompt."""

    accepted: int
    """Correct so far."""
    issued: int
    """Attempts handed out so far, whatever became of them."""
    open: int
    """Attempts in flight, or finished and not judged yet."""


Policy: TypeAlias = Callable[[Standing, Rejection], int]


def until_kept(standing: Standing, rules: Rejection) -> int:
    """As many as are still needed if all of them come out right; more follow when some do not."""
    missing = rules.keep - standing.accepted - standing.open
    return max(0, min(missing, rules.max_attempts - standing.issued))


def fixed(standing: Standing, rules: Rejection) -> int:
    """All ``max_attempts`` at once, whatever comes back: what the published pipelines do."""
    return rules.max_attempts - standing.issued
