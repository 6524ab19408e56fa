"""From the completions of a pilot to worlds: lengths, pass rates and speed, each as uncertain as few prompts leave it.

Pure. Lengths are taken to be log-normal; speed to fall with concurrency as 1 / (A + B n), fitted to how long each
completion took per token beside how many others; pass rates to have the posterior that the scheduler would learn.
"""

import math
import random
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from statistics import fmean, pstdev
from typing import NamedTuple

from tracegen.planning.world import World, assumed
from tracegen.recipe import Recipe
from tracegen.scheduling.population import Lengths, PassRate, Population
from tracegen.scheduling.posterior import Beliefs, Outlook
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


ROUNDS = 20
"""Of fitting; what a completion counts as its concurrency depends a little on the speed that is sought."""


def speed(rows: Sequence[Measured]) -> Speed:
    """Least squares over completions, by tokens: seconds per token as a line over concurrency."""
    timeline = _Timeline(rows)
    found = Speed(1.0, 1e9)
    for _ in range(ROUNDS):
        found = _line(rows, [timeline.concurrency(row) for row in rows])
        timeline.weigh(found.half_rate_at)
    return found


def _line(rows: Sequence[Measured], beside: Sequence[float]) -> Speed:
    points = [
        (n, row.wall_s / row.completion_tokens, row.completion_tokens) for row, n in zip(rows, beside, strict=True)
    ]
    total = sum(weight for _, _, weight in points)
    mean_n = sum(n * weight for n, _, weight in points) / total
    mean_y = sum(y * weight for _, y, weight in points) / total
    spread = sum((n - mean_n) ** 2 * weight for n, _, weight in points)
    slope = sum((n - mean_n) * (y - mean_y) * weight for n, y, weight in points) / spread if spread > 1e-9 else 0.0
    slope = min(max(slope, 0.0), mean_y / (mean_n + 1 / ALONE_AT_MOST))
    alone = max(mean_y - slope * mean_n, 1e-12)
    return Speed(1 / alone, alone / slope if slope > 0 else 1e9)


class _Timeline:
    """How many completions were in the making at each moment, and its integrals."""

    def __init__(self, rows: Sequence[Measured]) -> None:
        changes = Counter[float]()
        for row in rows:
            changes[row.started_at_s] += 1
            changes[row.started_at_s + row.wall_s] -= 1
        self._times = sorted(changes)
        self._running = list(accumulate(changes[at] for at in self._times))
        self.weigh(1e9)

    def weigh(self, half_rate_at: float) -> None:
        """Moments count by the tokens that a sequence decodes in them."""
        self._rates = [1 / (1 + n / half_rate_at) for n in self._running]
        self._tokens = self._integral(self._rates)
        self._beside = self._integral([n * rate for n, rate in zip(self._running, self._rates, strict=True)])

    def _integral(self, heights: Sequence[float]) -> list[float]:
        steps = (height * (after - at) for height, (at, after) in zip(heights, pairwise(self._times), strict=False))
        return [0.0, *accumulate(steps)]

    def concurrency(self, row: Measured) -> float:
        """Mean over a completion's tokens; its start and its end are moments of the timeline."""
        start = bisect_left(self._times, row.started_at_s)
        end = bisect_left(self._times, row.started_at_s + row.wall_s)
        tokens = self._tokens[end] - self._tokens[start]
        return (self._beside[end] - self._beside[start]) / tokens if tokens > 0 else 1.0


def measured(recipe: Recipe, rows: Sequence[Measured], seed: int) -> World:
    """One world that the pilot leaves possible. Domains that it did not reach stay as assumed."""
    rng = random.Random(seed)  # noqa: S311 -- a simulation, no secret
    fallback = assumed(recipe, seed)
    by_domain = _by_domain(rows)
    populations = {
        domain: _population(by_domain[domain], recipe.teacher.sampling_of(domain).max_tokens, rng, seed)
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


def _population(rows: Sequence[Measured], limit: int, rng: random.Random, seed: int) -> Population:
    logs = [math.log(row.completion_tokens) for row in rows]
    centre = rng.gauss(fmean(logs), pstdev(logs) / math.sqrt(len(logs)))
    lengths = Lengths(median=math.exp(centre), sigma=pstdev(logs), max=limit)
    outlook = _pass_rates(rows)
    ((alpha, beta),) = rng.choices(outlook.points, weights=outlook.weights)
    return Population(seed=seed, lengths=lengths, pass_rate=PassRate(alpha=alpha, beta=beta))


def _pass_rates(rows: Sequence[Measured]) -> Outlook:
    """Beta distributions by posterior weight."""
    right: Counter[str] = Counter(row.prompt_id for row in rows if row.outcome is Outcome.CORRECT)
    wrong: Counter[str] = Counter(row.prompt_id for row in rows if row.outcome is Outcome.INCORRECT)
    beliefs = Beliefs()
    for ended, prompts in Counter((right[one], wrong[one]) for one in {*right, *wrong}).items():
        beliefs.recall(ended, prompts, "")
    return beliefs.outlook("")


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
