"""What no policy can beat: the fewest tokens that cover so many prompts, for one that knows every source's prior exactly.

A prompt's outcomes tell about itself alone once the priors are known, so a policy is a choice of how many wrong attempts
each source's prompts get. An attempt after ``k`` wrong ones covers fewer prompts for each token than the one before, so
the fewest tokens come from making the attempts in that order until enough is covered; the last kind is made at a part
of its prompts. These are expectations over outcomes, of a policy that does not run in parallel and never overshoots.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.scheduling.populations import MAX_TOKENS, SIGMA, Source, median_of, missed


class Step(NamedTuple):
    """The attempts at one source's prompts after so many wrong ones; per prompt of the population."""

    covers: float
    tokens: float


class Lengths(NamedTuple):
    """Means over a log-normal distribution that is cut."""

    whole: float
    """Share that is not cut."""
    tokens: float
    """Of those that are not cut."""


def lengths(mean: float) -> Lengths:
    """Of traces with this mean before the cut."""
    cut = math.log(MAX_TOKENS / median_of(mean)) / SIGMA
    whole = _normal(cut)
    return Lengths(whole, mean * _normal(cut - SIGMA) / whole)


def _normal(at: float) -> float:
    return 0.5 * math.erfc(-at / math.sqrt(2))


def steps(source: Source, mean: float, wrong_is_longer: float, most: int) -> Iterator[Step]:
    """By the number of wrong attempts before; a right trace that is cut counts as wrong."""
    right, wrong = lengths(mean), lengths(mean * wrong_is_longer)
    wrong_tokens = wrong.whole * wrong.tokens + (1 - wrong.whole) * MAX_TOKENS
    for before in range(most):
        reached = _uncovered(source, right.whole, before)
        covers = reached - _uncovered(source, right.whole, before + 1)
        cut = covers / right.whole * (1 - right.whole)
        tokens = covers * right.tokens + cut * MAX_TOKENS + (reached - covers - cut) * wrong_tokens
        yield Step(source.share * covers, source.share * tokens)


def _uncovered(source: Source, whole: float, attempts: int) -> float:
    """The mean of (1 - p * whole) ** attempts."""
    return sum(
        math.comb(attempts, wrong) * whole**wrong * (1 - whole) ** (attempts - wrong) * missed(source, wrong)
        for wrong in range(attempts + 1)
    )


def fewest_tokens(
    sources: tuple[Source, ...], mean: float, wrong_is_longer: float, most: int, coverage: float
) -> float:
    """Per prompt of the population, for this share of it covered with at most ``most`` attempts at a prompt."""
    made = [step for source in sources for step in steps(source, mean, wrong_is_longer, most)]
    missing, tokens = coverage, 0.0
    for step in sorted(made, key=lambda one: one.tokens / one.covers):
        part = min(1.0, missing / step.covers)
        missing -= part * step.covers
        tokens += part * step.tokens
        if missing <= 0:
            break
    return tokens
