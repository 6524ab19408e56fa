"""What a give-up rule yields per prompt, and the strictest one that still reaches a goal. Pure arithmetic.

A rule is a floor: a prompt gets another attempt while its chance of a right one is at least the floor. A higher floor
buys each accepted trace for fewer attempts and gets fewer traces out of the same prompts; so the best rule is the
highest floor under which the prompts that are left, begun or not, still fill the quota. One floor holds for all groups
of a domain: at the margin an attempt is worth the same, whichever prompt it goes to.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

from tracegen.recipe import Rejection

Gain = Callable[[tuple[int, int]], float]
"""Probability of a right next attempt after (right, wrong) ones."""


class Group(NamedTuple):
    """Prompts that share a prior."""

    gain: Gain
    prompts: Mapping[tuple[int, int], float]
    """By how many of their attempts were right and wrong so far."""


Gains = list[list[float]]
"""By right, then wrong attempts."""


def expected(gain: Gain, rules: Rejection, floor: float, state: tuple[int, int] = (0, 0)) -> float:
    """Accepted traces of one prompt in this state, from now on; the first attempt at a fresh one is always made."""
    return _accepted(_gains(gain, rules), floor, {state: 1.0})


def best_floor(groups: Sequence[Group], rules: Rejection, wanted: float) -> float:
    """The strictest floor under which the groups' prompts are expected to give ``wanted`` more traces; 0 if none is."""
    known = [(_gains(group.gain, rules), group.prompts) for group in groups]
    # A prompt may be given up once an attempt was wrong.
    floors = sorted({1.0, *(chance for gains, _ in known for by_wrong in gains for chance in by_wrong[1:])})

    def falls_short(floor: float) -> bool:
        return sum(_accepted(gains, floor, prompts) for gains, prompts in known) < wanted

    # What the prompts give falls as the floor rises, so the floors fall into enough, then too little.
    enough = bisect_right(floors, False, key=falls_short)
    # Halfway to the next lower one, which asks for the same attempts: gains move a little until the rule is set anew.
    return fmean(floors[max(0, enough - 2) : enough]) if enough else 0.0


def _gains(gain: Gain, rules: Rejection) -> Gains:
    return [[gain((right, wrong)) for wrong in range(rules.max_attempts - right)] for right in range(rules.keep)]


def _accepted(gains: Gains, floor: float, prompts: Mapping[tuple[int, int], float]) -> float:
    table = _yields(gains, floor)
    return sum(
        number * table[right][wrong]
        for (right, wrong), number in prompts.items()
        if right < len(gains) and wrong < len(gains[right])
    )


def _yields(gains: Gains, floor: float) -> Gains:
    """Expected accepted traces from each state on, from the last attempts backwards."""
    table: Gains = []
    # A prompt that has enough, or no attempt left, gives nothing more.
    won = [0.0] * (len(gains[-1]) + 1)
    for by_wrong in reversed(gains):
        lost = 0.0
        row = [0.0]
        for wrong in range(len(by_wrong) - 1, -1, -1):
            chance = by_wrong[wrong]
            lost = 0.0 if wrong and chance < floor else chance * (1 + won[wrong]) + (1 - chance) * lost
            row.append(lost)
        row.reverse()
        table.append(row)
        won = row
    table.reverse()
    return table
