"""From the completions of a pilot to worlds: lengths, pass rates and speed, each as uncertain as few prompts leave it.

Pure. Lengths are taken to be log-normal; speed to fall with concurrency as 1 / (A + B n), fitted to how long each
completion took per token beside how many others; pass rates to have the posterior that the scheduler would learn.
"""

import math
import random
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import accumulate
from statistics import fmean, pstdev
from typing import NamedTuple

from tracegen.planning.world import World, assumed
from tracegen.recipe import Recipe
from tracegen.scheduling.population import Lengths, PassRate, Population
from tracegen.scheduling.posterior import GRID, Beliefs
from tracegen.scheduling.simulate import ReplicaModel
from tracegen.types import Domain, Outcome


class Measured(NamedTuple):
    """One completion of a pilot."""

    prompt_id: str
    domain: Domain
    completion_tokens: int
    started_at_s: float
    wall_s: float
    outcome: Outcome


class Speed(NamedTuple):
    """Tokens per second of one sequence among ``n``: ``tokens_per_s / (1 + n / half_rate_at)``."""

    tokens_per_s: float
    half_rate_at: float


ALONE_AT_MOST = 100.0
"""A pilot whose slots were always full cannot tell how fast a sequence is alone: so many times faster at most."""


def speed(rows: Sequence[Measured]) -> Speed:
    """Least squares over completions, by tokens: seconds per token as a line over concurrency."""
    beside = _concurrency(rows)
    usable = [
        (row.wall_s / row.completion_tokens, n, row.completion_tokens) for row, n in zip(rows, beside, strict=True)
    ]
    total = sum(weight for _, _, weight in usable)
    mean_y = sum(y * weight for y, _, weight in usable) / total
    mean_n = sum(n * weight for _, n, weight in usable) / total
    spread = sum((n - mean_n) ** 2 * weight for _, n, weight in usable)
    slope = sum((n - mean_n) * (y - mean_y) * weight for y, n, weight in usable) / spread if spread > 1e-9 else 0.0
    slope = min(max(slope, 0.0), mean_y / (mean_n + 1 / ALONE_AT_MOST))
    alone = mean_y - slope * mean_n
    return Speed(1 / alone, alone / slope if slope > 0 else 1e9)


def _concurrency(rows: Sequence[Measured]) -> list[float]:
    """How many completions were in the making, on average over the time of each."""
    changes = Counter[float]()
    for row in rows:
        changes[row.started_at_s] += 1
        changes[row.started_at_s + row.wall_s] -= 1
    times = sorted(changes)
    running = list(accumulate(changes[at] for at in times))
    areas = [0.0, *accumulate(n * (after - at) for n, at, after in zip(running, times, times[1:], strict=False))]

    def area(at: float) -> float:
        index = bisect_right(times, at) - 1
        return areas[index] + running[index] * (at - times[index])

    return [
        (area(row.started_at_s + row.wall_s) - area(row.started_at_s)) / row.wall_s if row.wall_s > 0 else 1.0
        for row in rows
    ]


def measured(recipe: Recipe, rows: Sequence[Measured], seed: int) -> World:
    """One world that the pilot leaves possible. Domains that it did not reach stay as assumed."""
    rng = random.Random(seed)  # noqa: S311 -- a simulation, no secret
    fallback = assumed(recipe, seed)
    by_domain = _by_domain(rows)
    populations = {
        domain: _population(by_domain[domain], recipe, rng, seed)
        if domain in by_domain
        else fallback.populations[domain]
        for domain in Domain
    }
    found = speed(rows)
    model = ReplicaModel(recipe.where.slots, found.tokens_per_s, found.half_rate_at, start_s=recipe.where.plan.start_s)
    return World(populations, model)


def _by_domain(rows: Sequence[Measured]) -> Mapping[Domain, list[Measured]]:
    found: dict[Domain, list[Measured]] = defaultdict(list)
    for row in rows:
        found[row.domain].append(row)
    return found


def _population(rows: Sequence[Measured], recipe: Recipe, rng: random.Random, seed: int) -> Population:
    logs = [math.log(row.completion_tokens) for row in rows]
    centre = rng.gauss(fmean(logs), pstdev(logs) / math.sqrt(len(logs)))
    lengths = Lengths(median=math.exp(centre), sigma=pstdev(logs), max=recipe.teacher.sampling.max_tokens)
    ((alpha, beta),) = rng.choices(GRID, weights=_pass_rates(rows))
    return Population(seed=seed, lengths=lengths, pass_rate=PassRate(alpha=alpha, beta=beta))


def _pass_rates(rows: Sequence[Measured]) -> list[float]:
    """Posterior weight of each beta distribution of the grid."""
    right: Counter[str] = Counter(row.prompt_id for row in rows if row.outcome is Outcome.CORRECT)
    wrong: Counter[str] = Counter(row.prompt_id for row in rows if row.outcome is Outcome.INCORRECT)
    beliefs = Beliefs()
    for ended, prompts in Counter((right[one], wrong[one]) for one in {*right, *wrong}).items():
        beliefs.recall("", ended, prompts)
    return beliefs.outlook("").weights


def told(rows: Sequence[Measured]) -> tuple[str, ...]:
    """What was measured, for people."""
    lines = []
    for domain, ours in sorted(_by_domain(rows).items()):
        right = sum(row.outcome is Outcome.CORRECT for row in ours)
        mean = fmean(row.completion_tokens for row in ours)
        prompts = len({row.prompt_id for row in ours})
        lines.append(
            f"{domain} measured: {len(ours)} completions of {prompts} prompts, {mean:,.0f} tokens on average, "
            f"{right / len(ours):.0%} right"
        )
    found = speed(rows)
    lines.append(
        f"speed measured: {found.tokens_per_s:,.3g} tokens/s a sequence alone, half of it with "
        f"{found.half_rate_at:,.3g} at once"
    )
    return tuple(lines)
