"""One way a run may turn out: how long traces are, how often right, how fast replicas are. Values; runs nothing."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from tracegen.recipe import Assumed, Recipe
from tracegen.scheduling.population import Lengths, PassRate, Population, SimulatedTeacher
from tracegen.scheduling.simulate import Draw, ReplicaModel
from tracegen.types import Attempt, Domain

PUBLISHED_MEANS = {
    Domain.MATH: 6_094.2,
    Domain.CODE: 7_435.7,
    Domain.STEM: 4_928.8,
    Domain.LOGIC: 2_739.0,
    Domain.GENERAL: 1_419.8,
}
"""Tokens per sample of the R1 corpus (arXiv 2501.12948v2, table 5)."""
PROMPT_TOKENS = 150
INSTANT = 1e12


@dataclass(frozen=True, slots=True)
class World:
    """What the simulation of one draw reckons with."""

    populations: Mapping[Domain, Population]
    replica: ReplicaModel

    def teacher(self, recipe: Recipe) -> "WorldTeacher":
        return WorldTeacher(
            {domain: SimulatedTeacher(one, recipe, PROMPT_TOKENS) for domain, one in self.populations.items()}
        )


class WorldTeacher:
    """Draws by domain: see :class:`tracegen.scheduling.simulate.Population`."""

    def __init__(self, teachers: Mapping[Domain, SimulatedTeacher]) -> None:
        self._teachers = teachers

    def draw(self, attempt: Attempt, domain: Domain) -> Draw:
        return self._teachers[domain].draw(attempt, domain)


def assumed(recipe: Recipe, seed: int) -> World:
    """From what the recipe assumes, else from what was published."""
    plan = recipe.where.plan
    populations = {
        domain: Population(
            seed=seed,
            lengths=Lengths(
                median=plan.mean_tokens.get(domain, PUBLISHED_MEANS[domain]) / math.exp(plan.sigma**2 / 2),
                sigma=plan.sigma,
                max=recipe.teacher.sampling_of(domain).max_tokens,
            ),
            pass_rate=PassRate(alpha=plan.pass_alpha, beta=plan.pass_beta),
        )
        for domain in Domain
    }
    return World(populations, _replica(recipe, plan.tokens_per_s, plan.half_rate_at))


def assumptions(recipe: Recipe) -> tuple[str, ...]:
    """What :func:`assumed` reckons with, for people."""
    plan = recipe.where.plan
    domains = sorted({source.domain for source in recipe.prompts})
    mean_of = {domain: plan.mean_tokens.get(domain, PUBLISHED_MEANS[domain]) for domain in domains}
    means = ", ".join(f"{domain} {mean:,.0f}" for domain, mean in mean_of.items())
    limits = {domain: recipe.teacher.sampling_of(domain).max_tokens for domain in domains}
    cut = [f"{domain} ({limits[domain]:,})" for domain, mean in mean_of.items() if mean >= limits[domain]]
    warning = (
        f"most traces of {', '.join(cut)} are taken to be cut off at max_tokens: "
        "measure with --pilot, or set where.plan.mean_tokens",
    )
    return (
        *(warning if cut else ()),
        f"lengths assumed: means {means} tokens, log-normal, sigma {plan.sigma:g}",
        f"pass rates assumed: beta({plan.pass_alpha:g}, {plan.pass_beta:g})",
        f"speed assumed: {plan.tokens_per_s:g} tokens/s a sequence alone, half with {plan.half_rate_at:g} at once",
    )


def simulated(recipe: Recipe, population: Population, tokens_per_s: float, half_rate_at: float, seed: int) -> World:
    """The simulated engine's own options, with other luck than the run will have."""
    other = Population(
        seed=population.seed + 1 + seed,
        lengths=population.lengths,
        lengths_by_domain=population.lengths_by_domain,
        pass_rate=population.pass_rate,
    )
    return World(dict.fromkeys(Domain, other), _replica(recipe, tokens_per_s, half_rate_at))


def _replica(recipe: Recipe, tokens_per_s: float, half_rate_at: float) -> ReplicaModel:
    where = recipe.where
    return ReplicaModel(where.slots, tokens_per_s, half_rate_at, start_s=where.plan.start_s)


def priced(assumed: Assumed, gpu_hours: float) -> float | None:
    """In dollars; None where the recipe names no price."""
    return None if assumed.usd_per_gpu_hour is None else gpu_hours * assumed.usd_per_gpu_hour
