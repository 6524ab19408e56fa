"""How likely is the next attempt to be accepted? A posterior over each prompt's pass rate, with learnt priors.

A prompt's pass rate is taken to be drawn from a beta distribution that belongs to its group (a source, a difficulty):
published problem sets are U-shaped, with a heavy share near zero (Open-R1: 55 % of NuminaMath problems were solved
at least once in two attempts). After ``s`` right and ``f`` wrong attempts the next is right with probability
``(a + s) / (a + b + s + f)``. Which (a, b) a group has is itself uncertain: a grid of them is kept, weighted by how
well each explains the group's outcomes. Stopping early does not bias it, since each outcome is explained given what
was known before the attempt.
"""

import math
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain, repeat
from typing import NamedTuple

MEANS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
STRENGTHS = (0.3, 0.6, 1.0, 2.0, 4.0, 10.0, 40.0)
GRID = tuple((mean * strength, (1 - mean) * strength) for mean in MEANS for strength in STRENGTHS)
"""(a, b) by mean and by a + b: from nearly all-or-nothing to nearly the same for every prompt."""
BORROWED = 30.0
"""A group starts from what all groups together show, as if it had been seen in so many outcomes of its own."""
REFIT_GROWTH = 1.1
"""Weights are computed anew when a group has seen so many times the outcomes of the last time."""
REMEMBERED_STATES = 4096

State = tuple[int, int]
"""(right, wrong) of a prompt before an attempt."""


class _Explained(NamedTuple):
    """One state under each grid point, in the grid's order. The same for every group and run."""

    seen: tuple[float, ...]
    """Probability of the outcomes that led here, in one order of them."""
    right: tuple[float, ...]
    """Probability that the next attempt is right."""
    log_right: tuple[float, ...]
    log_wrong: tuple[float, ...]


@lru_cache(maxsize=REMEMBERED_STATES)
def _explained(state: State) -> _Explained:
    right, wrong = state
    chances = tuple((a + right) / (a + b + right + wrong) for a, b in GRID)
    return _Explained(
        seen=tuple(math.exp(_log_seen(a, b, right, wrong)) for a, b in GRID),
        right=chances,
        log_right=tuple(math.log(chance) for chance in chances),
        log_wrong=tuple(math.log((b + wrong) / (a + b + right + wrong)) for a, b in GRID),
    )


def _log_seen(a: float, b: float, right: int, wrong: int) -> float:
    return (
        math.lgamma(a + right) - math.lgamma(a)
        + math.lgamma(b + wrong) - math.lgamma(b)
        - math.lgamma(a + b + right + wrong) + math.lgamma(a + b)
    )  # fmt: skip


class Evidence:
    """Outcomes by what was known before, of one group."""

    def __init__(self) -> None:
        self.outcomes = 0
        self._counts: dict[State, list[int]] = defaultdict(lambda: [0, 0])

    def add(self, state: State, *, right: bool, times: int = 1) -> None:
        self.outcomes += times
        self._counts[state][right] += times

    def log_likelihood(self) -> list[float]:
        """Of each grid point."""
        total = [0.0] * len(GRID)
        for state, (wrong, right) in self._counts.items():
            logs = _explained(state)
            total = [
                so_far + right * log_right + wrong * log_wrong
                for so_far, log_right, log_wrong in zip(total, logs.log_right, logs.log_wrong, strict=True)
            ]
        return total


class Outlook:
    """What is believed of a group at one moment."""

    def __init__(self, weights: list[float]) -> None:
        self.weights = weights
        """Of each grid point; they add up to one."""
        self._gains: dict[State, float] = {}

    def gain(self, state: State) -> float:
        """Probability that the next attempt of a prompt in this state is right."""
        gain = self._gains.get(state)
        if gain is None:
            gain = self._gains[state] = self._compute(state)
        return gain

    def _compute(self, state: State) -> float:
        # A grid point that explains this prompt's own outcomes better weighs more for this prompt.
        explained = _explained(state)
        plausible = [weight * seen for weight, seen in zip(self.weights, explained.seen, strict=True)]
        gained = sum(share * right for share, right in zip(plausible, explained.right, strict=True))
        return gained / sum(plausible)


class Beliefs:
    """Priors by group, learnt as the run goes."""

    def __init__(self) -> None:
        self._all = Evidence()
        self._groups: dict[str, Evidence] = defaultdict(Evidence)
        self._outlooks: dict[str, tuple[int, int, Outlook]] = {}
        self._together: tuple[int, list[float]] = (-1, [])

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
        outlook = Outlook(self._weights(own))
        self._outlooks[group] = (_next_fit(own.outcomes), 2 * everything.outcomes + 1, outlook)
        return outlook

    def _weights(self, own: Evidence) -> list[float]:
        share = min(1.0, BORROWED / max(1, self._all.outcomes))
        logs = [
            mine + share * theirs for mine, theirs in zip(own.log_likelihood(), self._likelihood_of_all(), strict=True)
        ]
        best = max(logs)
        weights = [math.exp(log - best) for log in logs]
        total = sum(weights)
        return [weight / total for weight in weights]

    def _likelihood_of_all(self) -> list[float]:
        # Many groups ask for it at about the same time, and it only moves slowly.
        if not 0 <= self._all.outcomes < self._together[0]:
            self._together = (_next_fit(self._all.outcomes), self._all.log_likelihood())
        return self._together[1]


def _steps(ended: State) -> Iterator[tuple[State, bool]]:
    """A way to this state. Any is as good: how likely the outcomes are does not depend on their order."""
    right = wrong = 0
    for was_right in chain(repeat(True, ended[0]), repeat(False, ended[1])):
        yield (right, wrong), was_right
        right, wrong = right + was_right, wrong + (not was_right)


def _next_fit(outcomes: int) -> int:
    return max(outcomes + 8, int(outcomes * REFIT_GROWTH))
