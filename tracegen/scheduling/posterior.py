"""How likely is the next attempt to be accepted? A posterior over each prompt's pass rate, with learnt priors.

A prompt's pass rate is taken to be drawn from a beta distribution that belongs to its group (a source, a difficulty):
published problem sets are U-shaped, with a heavy share near zero (Open-R1: 55 % of NuminaMath problems were solved
at least once in two attempts). After ``s`` right and ``f`` wrong attempts the next is right with probability
``(a + s) / (a + b + s + f)``. Which (a, b) a group has is itself uncertain: a grid of them is kept, weighted by how
well each explains the group's outcomes, and the best of them moves to where the likelihood peaks, since few grid points
are left with weight once much is known. Stopping early does not bias it: each outcome is explained given what was known
before the attempt.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain, repeat
from operator import mul
from typing import NamedTuple

MEANS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
STRENGTHS = (0.3, 0.6, 1.0, 2.0, 4.0, 10.0, 40.0)
GRID = tuple((mean * strength, (1 - mean) * strength) for mean in MEANS for strength in STRENGTHS)
"""(a, b) by mean and by a + b: from nearly all-or-nothing to nearly the same for every prompt."""
BORROWED = 30.0
"""A group starts from what all groups together show, as if it had been seen in so many outcomes of its own."""
REFIT_GROWTH = 1.1
"""Weights are computed anew when a group has seen so many times the outcomes of the last time."""
PEAK_STEPS = 20
SURE = 1 - 1e-6
"""A point with more weight than this is as good as known."""
REMEMBERED_STATES = 4096

Point = tuple[float, float]
State = tuple[int, int]
"""(right, wrong) of a prompt before an attempt."""


class _Explained(NamedTuple):
    """One state under each grid point, in the grid's order. The same for every group and run."""

    seen: tuple[float, ...]
    """Probability of the outcomes that led here, in one order of them."""
    then_right: tuple[float, ...]
    """The same, and that the next attempt is right."""


@lru_cache(maxsize=REMEMBERED_STATES)
def _explained(state: State) -> _Explained:
    return _Explained(_seen(*state), _seen(state[0] + 1, state[1]))


@lru_cache(maxsize=REMEMBERED_STATES)
def _seen(right: int, wrong: int) -> tuple[float, ...]:
    return tuple(_seen_at(a, b, right, wrong) for a, b in GRID)


def _seen_at(a: float, b: float, right: int, wrong: int) -> float:
    return math.exp(
        math.lgamma(a + right) - math.lgamma(a)
        + math.lgamma(b + wrong) - math.lgamma(b)
        - math.lgamma(a + b + right + wrong) + math.lgamma(a + b)
    )  # fmt: skip


@lru_cache(maxsize=REMEMBERED_STATES)
def _logs(number: int) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """log(a + number), log(b + number) and -log(a + b + number) at each grid point."""
    return (
        tuple(math.log(a + number) for a, _ in GRID),
        tuple(math.log(b + number) for _, b in GRID),
        tuple(-math.log(a + b + number) for a, b in GRID),
    )


class Evidence:
    """Outcomes by what was known before, of one group.

    The log of ``(a + s) / (a + b + s + f)`` falls into parts, so it is enough to count right outcomes by ``s``, wrong
    ones by ``f`` and all by ``s + f``.
    """

    def __init__(self) -> None:
        self.outcomes = 0
        self._right: dict[int, float] = defaultdict(float)
        self._wrong: dict[int, float] = defaultdict(float)
        self._tried: dict[int, float] = defaultdict(float)

    def add(self, state: State, *, right: bool, times: int = 1) -> None:
        self.outcomes += times
        if right:
            self._right[state[0]] += times
        else:
            self._wrong[state[1]] += times
        self._tried[state[0] + state[1]] += times

    def and_a_share_of(self, other: "Evidence", share: float) -> "Evidence":
        """Both together; outcomes of the other count less."""
        both = Evidence()
        both.outcomes = self.outcomes + other.outcomes
        for mine, theirs, sums in zip(self._parts, other._parts, both._parts, strict=True):
            sums.update(mine)
            for number, times in theirs.items():
                sums[number] += share * times
        return both

    @property
    def _parts(self) -> tuple[dict[int, float], dict[int, float], dict[int, float]]:
        return self._right, self._wrong, self._tried

    def log_likelihoods(self) -> list[float]:
        """Of each grid point."""
        total = [0.0] * len(GRID)
        for part, counts in enumerate(self._parts):
            for number, times in counts.items():
                logs = _logs(number)[part]
                total = [so_far + times * log for so_far, log in zip(total, logs, strict=True)]
        return total

    def log_likelihood(self, point: Point) -> float:
        a, b = point
        return (
            sum(times * math.log(a + number) for number, times in self._right.items())
            + sum(times * math.log(b + number) for number, times in self._wrong.items())
            - sum(times * math.log(a + b + number) for number, times in self._tried.items())
        )

    def peak(self, point: Point) -> Point:
        """The most likely point, from one that is near: the fixed-point iteration of Minka (2000), a few steps of it."""
        a, b = point
        for _ in range(PEAK_STEPS):
            tried = sum(times / (a + b + number) for number, times in self._tried.items())
            a *= sum(times / (a + number) for number, times in self._right.items()) / tried
            b *= sum(times / (b + number) for number, times in self._wrong.items()) / tried
            a, b = _inside(a, b)
        return a, b


def _inside(a: float, b: float) -> Point:
    """The nearest point that the grid encloses."""
    mean = min(max(a / (a + b), MEANS[0]), MEANS[-1])
    strength = min(max(a + b, STRENGTHS[0]), STRENGTHS[-1])
    return mean * strength, (1 - mean) * strength


class Outlook:
    """What is believed of a group at one moment."""

    def __init__(self, evidence: Evidence) -> None:
        logs = evidence.log_likelihoods()
        self._best = logs.index(max(logs))
        peak = evidence.peak(GRID[self._best]) if evidence.outcomes else GRID[self._best]
        logs[self._best] = most = evidence.log_likelihood(peak)
        weights = [math.exp(log - most) for log in logs]
        total = sum(weights)
        self.points = (*GRID[: self._best], peak, *GRID[self._best + 1 :])
        self.weights = [weight / total for weight in weights]
        """Of each point; they add up to one."""
        self._others = [*self.weights[: self._best], 0.0, *self.weights[self._best + 1 :]]
        self._gains: dict[State, float] = {}

    def gain(self, state: State) -> float:
        """Probability that the next attempt of a prompt in this state is right."""
        gain = self._gains.get(state)
        if gain is None:
            gain = self._gains[state] = self._compute(*state)
        return gain

    def _compute(self, right: int, wrong: int) -> float:
        a, b = self.points[self._best]
        gain = (a + right) / (a + b + right + wrong)
        if self.weights[self._best] > SURE:
            return gain
        # A point that explains this prompt's own outcomes better weighs more for this prompt.
        plausible = self.weights[self._best] * _seen_at(a, b, right, wrong)
        seen, then_right = _explained((right, wrong))
        gained = plausible * gain + _dot(self._others, then_right)
        return gained / (plausible + _dot(self._others, seen))


def _dot(weights: Iterable[float], values: Iterable[float]) -> float:
    return float(sum(map(mul, weights, values)))


class Beliefs:
    """Priors by group, learnt as the run goes."""

    def __init__(self) -> None:
        self._all = Evidence()
        self._groups: dict[str, Evidence] = defaultdict(Evidence)
        self._outlooks: dict[str, tuple[int, int, Outlook]] = {}

    def observe(self, group: str, state: State, *, right: bool) -> None:
        """A decided attempt of a prompt that was in this state before it."""
        self._all.add(state, right=right)
        self._groups[group].add(state, right=right)

    def recall(self, ended: State, prompts: int, group: str | None = None) -> None:
        """So many prompts have ended in this state, some time ago; ``group``: theirs, where it is still known."""
        for state, right in _steps(ended):
            self._all.add(state, right=right, times=prompts)
            if group is not None:
                self._groups[group].add(state, right=right, times=prompts)

    def outlook(self, group: str) -> Outlook:
        found = self._outlooks.get(group)
        own, everything = self._groups[group], self._all
        if found and own.outcomes < found[0] and everything.outcomes < found[1]:
            return found[2]
        share = min(1.0, BORROWED / max(1, everything.outcomes))
        outlook = Outlook(own.and_a_share_of(everything, share))
        self._outlooks[group] = (_next_fit(own.outcomes), 2 * everything.outcomes + 1, outlook)
        return outlook


def _steps(ended: State) -> Iterator[tuple[State, bool]]:
    """A way to this state. Any is as good: how likely the outcomes are does not depend on their order."""
    right = wrong = 0
    for was_right in chain(repeat(True, ended[0]), repeat(False, ended[1])):
        yield (right, wrong), was_right
        right, wrong = right + was_right, wrong + (not was_right)


def _next_fit(outcomes: int) -> int:
    return max(outcomes + 8, int(outcomes * REFIT_GROWTH))
