"""What a give-up rule costs and yields per prompt, and the strictest one that still reaches a goal. Pure arithmetic.

A rule is a floor: a prompt gets another attempt while its chance of a right one is at least the floor. A higher floor
buys each accepted trace for fewer attempts and gets fewer traces out of the same prompts; so the best rule is the
highest floor under which the prompts that are left, begun or not, still fill the quota. One floor holds for all groups
of a domain: at the margin an attempt is worth the same, whichever prompt it goes to.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from tracegen.recipe import Rejection

Gain = Callable[[tuple[int, int]], float]
"""Probability of a right next attempt after (right, wrong) ones."""


class Yield(NamedTuple):
    """Expected for one fresh prompt."""

    accepted: float
    attempts: float


class Group(NamedTuple):
    """Prompts that share a prior."""

    gain: Gain
    prompts: Mapping[tuple[int, int], float]
    """By how many of their attempts were right and wrong so far."""


def expected_yield(gain: Gain, rules: Rejection, floor: float, state: tuple[int, int] = (0, 0)) -> Yield:
    """Of one prompt in this state, from now on; the first attempt at a fresh one is always made."""
    return _yields(gain, rules, floor)(*state)


def _yields(gain: Gain, rules: Rejection, floor: float) -> Callable[[int, int], Yield]:

    @cache
    def after(right: int, wrong: int) -> Yield:
        if right >= rules.keep or right + wrong >= rules.max_attempts:
            return Yield(0.0, 0.0)
        chance = gain((right, wrong))
        if wrong and chance < floor:
            return Yield(0.0, 0.0)
        won, lost = after(right + 1, wrong), after(right, wrong + 1)
        return Yield(
            chance * (1 + won.accepted) + (1 - chance) * lost.accepted,
            1 + chance * won.attempts + (1 - chance) * lost.attempts,
        )

    return after


def best_floor(groups: Sequence[Group], rules: Rejection, wanted: float) -> float:
    """The highest floor under which the groups' prompts are expected to give ``wanted`` more traces; 0 if none is."""
    floors = sorted({1.0, *(group.gain(state) for group in groups for state in _retried(rules))})

    def falls_short(floor: float) -> bool:
        return sum(_accepted(group, rules, floor) for group in groups) < wanted

    # What the prompts give falls as the floor rises, so the floors fall into enough, then too little.
    enough = bisect_right(floors, False, key=falls_short)
    return floors[enough - 1] if enough else 0.0


def _accepted(group: Group, rules: Rejection, floor: float) -> float:
    after = _yields(group.gain, rules, floor)
    return sum(prompts * after(*state).accepted for state, prompts in group.prompts.items())


def _retried(rules: Rejection) -> list[tuple[int, int]]:
    """States in which a prompt may be given up: at least one attempt was wrong."""
    return [(right, wrong) for right in range(rules.keep) for wrong in range(1, rules.max_attempts - right)]
