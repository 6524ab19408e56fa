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
from functools import cached_property

MEANS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
STRENGTHS = (0.3, 0.6, 1.0, 2.0, 4.0, 10.0, 40.0)
GRID = tuple((mean * strength, (1 - mean) * strength) for mean in MEANS for strength in STRENGTHS)
"""(a, b) by mean and by a + b: from nearly all-or-nothing to nearly the same for every prompt."""
BORROWED = 30.0
"""A group starts from what all groups together show, as if it had been seen in so many outcomes of its own."""
REFIT_GROWTH = 1.1
"""Weights are computed anew when a group has seen so many times the outcomes of the last time."""

State = tuple[int, int]
"""(right, wrong) of a prompt before an attempt."""


class Evidence:
    """Outcomes by what was known before, of one group."""

    def __init__(self) -> None:
        self.outcomes = 0
        self._counts: dict[State, list[int]] = defaultdict(lambda: [0, 0])

    def add(self, state: State, *, right: bool) -> None:
        self.outcomes += 1
        self._counts[state][right] += 1

    def log_likelihood(self) -> list[float]:
        """Of each grid point."""
        return [sum(_explained(a, b, state, counts) for state, counts in self._counts.items()) for a, b in GRID]


def _explained(a: float, b: float, state: State, counts: list[int]) -> float:
    right, wrong = state
    log_all = math.log(a + b + right + wrong)
    return counts[1] * (math.log(a + right) - log_all) + counts[0] * (math.log(b + wrong) - log_all)


class Outlook:
    """What is believed of a group at one moment."""

    def __init__(self, weights: list[float]) -> None:
        self._weights = weights

    def gain(self, state: State) -> float:
        """Probability that the next attempt of a prompt in this state is right."""
        if state not in self._gains:
            self._gains[state] = self._compute(state)
        return self._gains[state]

    @cached_property
    def _gains(self) -> dict[State, float]:
        return {}

    def _compute(self, state: State) -> float:
        # A grid point that explains this prompt's own outcomes better weighs more for this prompt.
        right, wrong = state
        total = gained = 0.0
        for (a, b), weight in zip(GRID, self._weights, strict=True):
            plausible = weight * math.exp(_log_seen(a, b, right, wrong))
            total += plausible
            gained += plausible * (a + right) / (a + b + right + wrong)
        return gained / total


def _log_seen(a: float, b: float, right: int, wrong: int) -> float:
    return (
        math.lgamma(a + right) - math.lgamma(a)
        + math.lgamma(b + wrong) - math.lgamma(b)
        - math.lgamma(a + b + right + wrong) + math.lgamma(a + b)
    )  # fmt: skip


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

    def outlook(self, group: str) -> Outlook:
        own, everything = self._groups[group], self._all
        found = self._outlooks.get(group)
        if found and own.outcomes < found[0] and everything.outcomes < found[1]:
            return found[2]
        outlook = Outlook(self._weights(own))
        self._outlooks[group] = (_next_fit(own.outcomes), 2 * everything.outcomes + 1, outlook)
        return outlook

    def _weights(self, own: Evidence) -> list[float]:
        share = min(1.0, BORROWED / max(1, self._all.outcomes))
        logs = [
            mine + share * theirs for mine, theirs in zip(own.log_likelihood(), self._all.log_likelihood(), strict=True)
        ]
        best = max(logs)
        weights = [math.exp(log - best) for log in logs]
        total = sum(weights)
        return [weight / total for weight in weights]


def _next_fit(outcomes: int) -> int:
    return max(outcomes + 8, int(outcomes * REFIT_GROWTH))
