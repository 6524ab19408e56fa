"""The plan of a recipe: its prompts counted, its worlds chosen, its run estimated. Writes nothing without a pilot."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tracegen.engines.options import parse_options
from tracegen.engines.simulated import SimulatedOptions
from tracegen.errors import UserError
from tracegen.planning.estimate import Estimate, estimate
from tracegen.planning.measured import measured, told
from tracegen.planning.pilot import Pilot, fly, pilot_recipe
from tracegen.planning.world import INSTANT, World, assumed, assumptions, simulated
from tracegen.prompts.prepare import prepare
from tracegen.recipe import Recipe
from tracegen.recipe_file import Loaded
from tracegen.registry import resolve
from tracegen.runtime.progress import Snapshot
from tracegen.types import Lane


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a plan."""

    loaded: Loaded
    draws: int = 8
    """Worlds to simulate; the interval is over them."""
    pilot: int = 0
    """Prompts to measure first."""
    store_uri: str = "./runs"
    """Where a pilot is kept."""


AROUND_S = {"local": 2.0, "ray": 8.0}
"""Seconds, by cluster, from the command to the first request and from the last completion to the end
(docs/benchmarks/control-plane.md); used where no pilot measured them. What reading prompts from a network and building
a large corpus take is beyond that."""


def plan(asked: Asked, on_progress: Callable[[Snapshot], None]) -> Estimate:
    """Reckon a recipe's run. Raises UserError for what is wrong with it; only a pilot writes or asks a teacher."""
    recipe = asked.loaded.recipe
    by_lane, by_source = _prompts(asked.loaded)
    around_s = AROUND_S[recipe.where.cluster]
    if asked.pilot:
        flown, worlds, basis = _piloted(asked, by_source, on_progress)
        if flown.around_s is not None:
            around_s = max(0.0, flown.around_s - recipe.where.plan.start_s)
    else:
        worlds, basis = _imagined(recipe, asked.draws)
    return estimate(recipe, by_lane, worlds, (*basis, *_placed(recipe, around_s)), around_s)


def _prompts(loaded: Loaded) -> tuple[Mapping[Lane, int], Mapping[str, int]]:
    """How many a run would have, by lane and by source: the sources are read as a run reads them."""
    manifest = prepare(loaded.recipe, loaded.base, lambda _: "").manifest
    by_lane: Counter[Lane] = Counter()
    for shard in manifest.shards:
        by_lane[shard.lane] += shard.prompts
    return by_lane, {entry.name: max(1, entry.prompts) for entry in manifest.sources}


def _imagined(recipe: Recipe, draws: int) -> tuple[list[World], Sequence[str]]:
    if recipe.teacher.engine != "simulated":
        return [assumed(recipe, seed) for seed in range(draws)], assumptions(recipe)
    options = parse_options("simulated", resolve("engine", "simulated"), recipe.engine_options())
    if not isinstance(options, SimulatedOptions):
        raise TypeError(type(options).__name__)
    speed = INSTANT if options.instant else options.tokens_per_s / options.time_scale
    worlds = [simulated(recipe, options, speed, options.half_rate_at, seed) for seed in range(draws)]
    instant = " (instant: what is left is the work of the driver, which is not reckoned)" if options.instant else ""
    return worlds, (f"lengths, pass rates and speed: the simulated engine's options, with other luck{instant}",)


def _piloted(
    asked: Asked, by_source: Mapping[str, int], on_progress: Callable[[Snapshot], None]
) -> tuple[Pilot, list[World], Sequence[str]]:
    recipe = asked.loaded.recipe
    flown = fly(asked.loaded, pilot_recipe(recipe, asked.pilot, by_source), asked.store_uri, on_progress)
    if not flown.rows:
        raise UserError(
            f"pilot {flown.run_id} has no judged completion",
            hint=f"see why: tracegen status {flown.run_id} --store {asked.store_uri}",
        )
    worlds = [measured(recipe, flown.rows, seed) for seed in range(asked.draws)]
    return flown, worlds, (f"pilot {flown.run_id} in {asked.store_uri}", *told(flown.rows))


def _placed(recipe: Recipe, around_s: float) -> tuple[str, ...]:
    where = recipe.where
    price = where.plan.usd_per_gpu_hour
    money = "no price: set where.plan.usd_per_gpu_hour" if price is None else f"{price:g} USD a GPU-hour"
    return (
        f"{where.replicas} replicas of {where.slots} slots and {where.gpus_per_replica} GPUs; {money}",
        f"start-up of replicas: {where.plan.start_s:.3g} s (where.plan.start_s); of the driver, and its end: "
        f"{around_s:.3g} s",
        "not reckoned: building the corpus",
    )
