"""When a domain's prompts are given up: the give-up rule, computed anew as its outcomes come in."""

import math
from collections import defaultdict

from tracegen.recipe import Rejection
from tracegen.scheduling.forecast import Group, best_floor
from tracegen.scheduling.state import DomainState

FLOOR_EVERY = 8
FLOOR_SHARE = 0.05
"""The rule is computed anew after so many more verdicts of a domain, or such a share of those so far or of the traces
missing, whichever of these two is less: a rule of long ago misses the quota by all the luck since.
"""
SPARE = 0.25
"""Until the last shard is open, a prompt that was given up does not come back: rules reckon with a few traces more, in
roots of those wanted.
"""


def set_floor(domain: DomainState, rules: Rejection) -> None:
    """The highest floor under which what is left of the domain still fills its quota, if it is time to look."""
    if domain.outcomes < domain.floor_due:
        return
    missing = max(0, domain.quota - domain.accepted) if domain.quota is not None else domain.outcomes
    domain.learn()
    domain.floor_due = domain.outcomes + max(FLOOR_EVERY, int(FLOOR_SHARE * min(domain.outcomes, missing)))
    domain.floor = rules.give_up_below
    if domain.quota is None or domain.filled or domain.learning:
        return
    wanted = missing + SPARE * math.sqrt(missing)
    groups = [Group(domain.beliefs.outlook(group).gain, states) for group, states in _prompts_left(domain).items()]
    domain.floor = max(domain.floor, best_floor(groups, rules, wanted))


def _prompts_left(domain: DomainState) -> dict[str, dict[tuple[int, int], float]]:
    """Those that may still get an attempt, by group and state; unopened ones are taken to be grouped as opened ones."""
    left: dict[str, dict[tuple[int, int], float]] = defaultdict(dict)
    for (group, right, wrong), prompts in domain.standings.items():
        if prompts:
            left[group][right, wrong] = prompts
    opened = domain.groups.total()
    for group, prompts in domain.groups.items():
        left[group][0, 0] = left[group].get((0, 0), 0.0) + domain.waiting * prompts / opened
    return left
