"""A teacher and its prompts as data: how long traces are and how often they are right. Draws, no engine.

The simulated engine writes what is drawn here, and the simulation in virtual time reckons with the same draws, so
that a plan and a rehearsal speak of the same run. Everything is a hash of seed and attempt; nothing depends on order.
"""

import hashlib
import math
import struct
from functools import lru_cache
from random import Random
from statistics import NormalDist
from typing import Annotated, NamedTuple

from pydantic import Field

from tracegen.recipe import Recipe
from tracegen.scheduling.simulate import Draw
from tracegen.types import Attempt, Domain, FinishReason, Outcome, Value, attempt_seed

Probability = Annotated[float, Field(ge=0, le=1)]

_NORMAL = NormalDist()


class Lengths(Value):
    """Completion tokens: log-normal, cut at ``max``; always ``median`` where ``sigma`` is 0."""

    median: float = Field(600, gt=0)
    sigma: float = Field(0.7, ge=0)
    max: int = Field(32_768, gt=0)

    def at(self, quantile: float) -> int:
        if self.sigma == 0:
            return max(1, min(self.max, round(self.median)))
        factor = math.exp(self.sigma * _NORMAL.inv_cdf(min(max(quantile, 1e-12), 1 - 1e-12)))
        return max(1, min(self.max, round(self.median * factor)))


class PassRate(Value):
    """How often a prompt is answered right: drawn once per prompt from a beta distribution, or always ``constant``."""

    alpha: float = Field(2.0, gt=0)
    beta: float = Field(1.5, gt=0)
    constant: Probability | None = None


class Luck(NamedTuple):
    """Numbers in [0, 1) of one attempt."""

    length: float
    right: float
    text: float
    wrong: float


class Population(Value):
    """Lengths and pass rates of a simulated teacher."""

    seed: int = 0
    lengths: Lengths = Lengths()
    lengths_by_domain: dict[Domain, Lengths] = Field(default={})
    pass_rate: PassRate = PassRate()
    pass_rate_by_domain: dict[Domain, PassRate] = Field(default={})

    def luck(self, attempt_id: str, sampling_seed: int, what: str = "") -> Luck:
        key = f"{self.seed}\0{sampling_seed}\0{attempt_id}\0{what}"
        numbers = struct.unpack("<4Q", hashlib.blake2b(key.encode(), digest_size=32).digest())
        return Luck(*(number / 2**64 for number in numbers))

    def tokens(self, domain: Domain | None, quantile: float) -> int:
        lengths = self.lengths_by_domain.get(domain, self.lengths) if domain is not None else self.lengths
        return lengths.at(quantile)

    def pass_rate_of(self, prompt_id: str, domain: Domain | None = None) -> float:
        asked = self.pass_rate_by_domain.get(domain, self.pass_rate) if domain is not None else self.pass_rate
        if asked.constant is not None:
            return asked.constant
        return _beta(self.seed, prompt_id, asked.alpha, asked.beta)


@lru_cache(maxsize=1 << 14)
def _beta(seed: int, prompt_id: str, alpha: float, beta: float) -> float:
    return Random(f"{seed} {prompt_id}").betavariate(alpha, beta)  # noqa: S311 -- a simulation, no secret


class SimulatedTeacher:
    """The population as a recipe's run meets it: see :class:`tracegen.scheduling.simulate.Population`."""

    def __init__(self, population: Population, recipe: Recipe, prompt_tokens: int) -> None:
        self._population = population
        self._seed = recipe.seed
        self._limits = {domain: recipe.teacher.sampling_of(domain).max_tokens for domain in Domain}
        self._prompt_tokens = prompt_tokens

    def draw(self, attempt: Attempt, domain: Domain) -> Draw:
        attempt_id = attempt.attempt_id
        luck = self._population.luck(attempt_id, attempt_seed(self._seed, attempt_id))
        tokens = self._population.tokens(domain, luck.length)
        limit = self._limits[domain]
        if tokens >= limit:
            return Draw(self._prompt_tokens, limit, FinishReason.LENGTH, Outcome.INCORRECT)
        right = luck.right < self._population.pass_rate_of(attempt.prompt_id, domain)
        outcome = Outcome.CORRECT if right else Outcome.INCORRECT
        return Draw(self._prompt_tokens, tokens, FinishReason.STOP, outcome)
