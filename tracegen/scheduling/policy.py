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
    wrong: int
    """Incorrect so far."""
    issued: int
    """Attempts handed out so far, whatever became of them."""
    open: int
    """Attempts in flight, waiting to be handed out again, or not judged yet."""
    gain: float
    """Posterior probability that one more attempt is right, should those that are open all be wrong."""
    pass_rate: float
    """Posterior mean of its pass rate, by what is judged."""
    floor: float
    """A prompt with less gain than this is not worth its tokens, as things stand in its domain."""


Policy: TypeAlias = Callable[[Standing, Rejection], int]


def adaptive(standing: Standing, rules: Rejection) -> int:
    """As many as are still needed if all come out right, while the prompt is worth it; more when some do not.

    A prompt that was never tried is always worth an attempt: what its group shows may be wrong for it. A trivial one
    gets ``keep_trivial`` traces only, so a prompt that might be trivial is first asked for no more than these.
    """
    if standing.wrong + standing.open and standing.gain < standing.floor:
        return 0
    if rules.trivial_above < 1:
        if standing.accepted + standing.wrong < rules.keep_trivial:
            return min(until_kept(standing, rules), max(0, rules.keep_trivial - standing.accepted - standing.open))
        if standing.accepted >= rules.keep_trivial and standing.pass_rate > rules.trivial_above:
            return 0
    return until_kept(standing, rules)


def until_kept(standing: Standing, rules: Rejection) -> int:
    """As many as are still needed if all come out right; more when some do not, up to ``max_attempts``."""
    missing = (rules.gather or rules.keep) - standing.accepted - standing.open
    return max(0, min(missing, rules.max_attempts - standing.issued))


def fixed(standing: Standing, rules: Rejection) -> int:
    """All ``max_attempts`` at once, whatever comes back: what the published pipelines do."""
    return rules.max_attempts - standing.issued


POLICIES: dict[str, Policy] = {"adaptive": adaptive, "until_kept": until_kept, "fixed": fixed}
"""By the name that a recipe uses."""
