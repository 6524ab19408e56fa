"""What a run takes in each of several worlds, and the interval over them. Pure: the real scheduler in virtual time.

A large run is reckoned in small: a k-th of the prompts on a k-th of the slots, at the same rate per sequence, takes as
long and does the same to each prompt. What is counted is multiplied by k again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import Any, NamedTuple

from tracegen.planning.world import World, priced
from tracegen.recipe import Recipe, Rejection
from tracegen.scheduling.scheduler import Scheduler
from tracegen.scheduling.simulate import ReplicaModel, Simulated, Simulation
from tracegen.types import Lane, ShardEntry

MOST_PROMPTS = 20_000
"""More are reckoned in small."""


class Figure(NamedTuple):
    """Median, least and greatest over the worlds."""

    middle: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run takes. Figures per accepted trace are None where there are none, dollars where no price is known."""

    prompts: int
    attempts: Figure
    accepted: Figure
    covered: Figure
    tokens: Figure
    tokens_lost_to_rejection: Figure
    wall_s: Figure
    start_s: float
    """Of ``wall_s``: until replicas serve."""
    around_s: float
    """Of ``wall_s``: what the driver does before the first replica starts, and after the last verdict."""
    busy_share: Figure
    gpus: int
    gpu_hours: Figure
    usd: Figure | None
    per_accepted: Mapping[str, Figure] | None
    basis: tuple[str, ...]
    """What it rests on, for people."""
    draws: int

    def to_json(self) -> dict[str, Any]:
        return {name: _plain(value) for name, value in asdict(self).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Figure):
        return value._asdict()
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return value


class Rules(NamedTuple):
    """What the scheduler goes by."""

    rejection: Rejection
    source_quotas: Mapping[str, int]


class Outcome(NamedTuple):
    """One world's run, in the sizes of the real one."""

    attempts: float
    accepted: float
    covered: float
    tokens: float
    rejected: float
    wall_s: float
    busy_share: float


def estimate(
    recipe: Recipe, prompts: Mapping[Lane, int], worlds: Sequence[World], basis: Sequence[str], around_s: float = 0.0
) -> Estimate:
    """The whole run in each of the worlds, and ``around_s`` that the simulation knows nothing of."""
    played = [play(recipe, prompts, world) for world in worlds]
    outcomes = [one._replace(wall_s=one.wall_s + around_s) for one in played]
    where = recipe.where
    gpus = where.replicas * where.gpus_per_replica
    hours = [one.wall_s / 3600 * gpus for one in outcomes]
    prices = [price for one in hours if (price := priced(where.plan, one)) is not None]
    columns = {
        "attempts": [one.attempts for one in outcomes],
        "tokens": [one.tokens for one in outcomes],
        "wall_s": [one.wall_s for one in outcomes],
        "gpu_hours": hours,
        **({"usd": prices} if prices else {}),
    }
    accepted = [one.accepted for one in outcomes]
    return Estimate(
        prompts=sum(prompts.values()),
        attempts=figure(columns["attempts"]),
        accepted=figure(accepted),
        covered=figure([one.covered for one in outcomes]),
        tokens=figure(columns["tokens"]),
        tokens_lost_to_rejection=figure([one.rejected for one in outcomes]),
        wall_s=figure(columns["wall_s"]),
        start_s=where.plan.start_s,
        around_s=around_s,
        busy_share=figure([one.busy_share for one in outcomes]),
        gpus=gpus,
        gpu_hours=figure(hours),
        usd=figure(prices) if prices else None,
        per_accepted=_per_accepted(columns, accepted) if all(accepted) else None,
        basis=tuple(basis),
        draws=len(outcomes),
    )


def _per_accepted(columns: Mapping[str, Sequence[float]], accepted: Sequence[float]) -> dict[str, Figure]:
    return {
        name: figure([value / traces for value, traces in zip(values, accepted, strict=True)])
        for name, values in columns.items()
    }


def figure(values: Sequence[float]) -> Figure:
    """Of one number in all worlds."""
    return Figure(median(values), min(values), max(values))


def play(recipe: Recipe, prompts: Mapping[Lane, int], world: World) -> Outcome:
    """The run in one world, reckoned in small where it is large."""
    smaller = max(1.0, sum(prompts.values()) / MOST_PROMPTS)
    few = {lane: max(1, round(number / smaller)) for lane, number in prompts.items()}
    model, replicas = _fewer(world.replica, recipe.where.replicas, smaller)
    ran = simulate(recipe, few, world, [model] * replicas, _rules(recipe, smaller))
    smaller = sum(prompts.values()) / sum(few.values())
    return Outcome(
        attempts=ran.attempts * smaller,
        accepted=ran.accepted * smaller,
        covered=ran.covered * smaller,
        tokens=ran.tokens.spent * smaller,
        rejected=(ran.tokens.rejected + ran.tokens.truncated + ran.tokens.looped) * smaller,
        wall_s=ran.makespan_s,
        busy_share=ran.busy_share,
    )


def _fewer(model: ReplicaModel, replicas: int, smaller: float) -> tuple[ReplicaModel, int]:
    """A part of the slots, each as fast as before."""
    slots = model.slots * replicas / smaller
    fewer = max(1, round(replicas / smaller))
    each = max(1, round(slots / fewer))
    return replace(model, slots=each, half_rate_at=model.half_rate_at * each / model.slots), fewer


def _rules(recipe: Recipe, smaller: float) -> Rules:
    rules = recipe.rejection
    quotas = {domain: max(1, round(quota / smaller)) for domain, quota in rules.quotas.items()}
    source_quotas = {source: max(1, round(quota / smaller)) for source, quota in recipe.source_quotas.items()}
    budget = None if rules.token_budget is None else max(1, round(rules.token_budget / smaller))
    return Rules(rules.model_copy(update={"quotas": quotas, "token_budget": budget}), source_quotas)


def simulate(
    recipe: Recipe, prompts: Mapping[Lane, int], world: World, replicas: Sequence[ReplicaModel], rules: Rules
) -> Simulated:
    """Prompts that stand for the real ones, shard by shard as the recipe cuts them."""
    size = recipe.prompts_per_shard
    shards = {}
    for lane, number in prompts.items():
        name = f"{lane.domain}/{lane.source}" if lane.source else lane.domain.value
        for start in range(0, number, size):
            shard_id = f"{name}-{start // size:06d}"
            groups = {f"{name}{n}": "" for n in range(start, min(start + size, number))}
            shards[shard_id] = (ShardEntry(shard_id, lane.domain, len(groups), source=lane.source), groups)
    entries = [entry for entry, _ in shards.values()]
    scheduler = Scheduler(entries, rules.rejection, source_quotas=rules.source_quotas)
    return Simulation(scheduler, shards, world.teacher(recipe), replicas).run()
