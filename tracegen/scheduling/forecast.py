"""What a give-up rule costs and yields per prompt, and the strictest one that still reaches a goal. Pure arithmetic.

A rule is a floor: a prompt gets another attempt while its chance of a right one is at least the floor. A higher floor
buys each accepted trace for fewer attempts and gets fewer traces out of the same prompts; so the best rule is the
highest floor under which the prompts that are left still fill the quota.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from tracegen.recipe import Rejection

Gain = Callable[[tuple[int, int]], float]
"""Probability of a right next attempt after (right, wrong) ones."""


class Yield(NamedTuple):
    """Expected for one fresh prompt."""

    accepted: float
    attempts: float


def expected_yield(gain: Gain, rules: Rejection, floor: float) -> Yield:
    """Of one fresh prompt under this floor."""

    @cache
    def after(right: int, wrong: int) -> Yield:
        if right >= rules.keep or right + wrong >= rules.max_attempts:
            return Yield(0.0, 0.0)
        chance = gain((right, wrong))
        if chance < floor:
            return Yield(0.0, 0.0)
        won, lost = after(right + 1, wrong), after(right, wrong + 1)
        return Yield(
            chance * (1 + won.accepted) + (1 - chance) * lost.accepted,
            1 + chance * won.attempts + (1 - chance) * lost.attempts,
        )

    return after(0, 0)


def best_floor(gain: Gain, rules: Rejection, wanted: float, prompts: int) -> float:
    """The highest floor under which ``prompts`` fresh prompts are expected to give ``wanted`` traces; 0 if none is."""
    floors = sorted({gain((0, wrong)) for wrong in range(rules.max_attempts)}, reverse=True)
    for floor in floors:
        if expected_yield(gain, rules, floor).accepted * prompts >= wanted:
            return floor
    return 0.0
