"""Prompts and teachers as data, for the measurements of this folder. Documented choices; nothing is fitted to a result.

Pass rates. Open-R1 (update 2, February 2025) solved 55 % of the NuminaMath problems at least once in two attempts, and
NeMo-Skills finds that a problem which R1 misses in 16 attempts mostly has a wrong reference: a heavy share near zero.
``NUMINA`` mixes four sources of unlike difficulty whose beta distributions give 55 % in two attempts together;
``ONE_SOURCE`` is one beta distribution with the same 55 %, where no source tells anything about a prompt.

Lengths. Log-normal with the published means of the R1 corpus (arXiv 2501.12948v2, table 5), which are means of accepted
traces, cut at 32,768 tokens. sigma 0.8 puts 77 % of math traces under 8k tokens (Open-R1: 75 % of problems solved under
8k). Wrong traces are longer; by how much is an assumption, so it is an argument.
"""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from tracegen.scheduling.population import Lengths, Population
from tracegen.scheduling.simulate import Draw
from tracegen.types import Attempt, Domain, FinishReason, Outcome, ShardEntry

SIGMA = 0.8
MAX_TOKENS = 32_768
PROMPT_TOKENS = 150
PUBLISHED_MEANS = {
    Domain.MATH: 6_094.2,
    Domain.CODE: 7_435.7,
    Domain.STEM: 4_928.8,
    Domain.LOGIC: 2_739.0,
    Domain.GENERAL: 1_419.8,
}
PUBLISHED_SAMPLES = {
    Domain.MATH: 395_285,
    Domain.CODE: 211_129,
    Domain.STEM: 10_124,
    Domain.LOGIC: 10_395,
    Domain.GENERAL: 177_812,
}

Shards = Mapping[str, tuple[ShardEntry, Mapping[str, str]]]


@dataclass(frozen=True, slots=True)
class Source:
    """Prompts whose pass rates are drawn from one beta distribution."""

    name: str
    share: float
    alpha: float
    beta: float


NUMINA = (
    Source("school", 0.40, 1.2, 0.4),
    Source("competition", 0.30, 0.4, 0.6),
    Source("olympiad", 0.20, 0.15, 0.75),
    Source("wrong-reference", 0.10, 0.02, 0.98),
)
ONE_SOURCE = (Source("all", 1.0, 0.274, 0.326),)
SURE = (Source("sure", 1.0, 1e6, 1e-6),)


def missed(source: Source, attempts: int) -> float:
    """Share of a source's prompts that so many attempts all get wrong, exactly: the mean of (1 - p) ** attempts."""
    a, b = source.alpha, source.beta
    return math.prod((b + n) / (a + b + n) for n in range(attempts))


def solved_at_least_once(sources: tuple[Source, ...], attempts: int) -> float:
    """Share of all prompts."""
    return 1 - sum(source.share * missed(source, attempts) for source in sources)


@dataclass(slots=True)
class Teacher:
    """Draws what comes of an attempt: see :class:`tracegen.scheduling.simulate.Population`."""

    sources: tuple[Source, ...]
    wrong_is_longer: float = 1.0
    """How many times as long a wrong trace is."""
    seed: int = 1
    _luck: Population = field(default_factory=Population)
    _rates: dict[str, float] = field(default_factory=dict)
    _lengths: dict[tuple[Domain, bool], Lengths] = field(default_factory=dict)

    def draw(self, attempt: Attempt, domain: Domain) -> Draw:
        luck = self._luck.luck(attempt.attempt_id, self.seed)
        right = luck.right < self._rate(attempt.prompt_id)
        tokens = self._lengths_of(domain, right).at(luck.length)
        if tokens >= MAX_TOKENS:
            return Draw(PROMPT_TOKENS, MAX_TOKENS, FinishReason.LENGTH, Outcome.INCORRECT)
        return Draw(PROMPT_TOKENS, tokens, FinishReason.STOP, Outcome.CORRECT if right else Outcome.INCORRECT)

    def _rate(self, prompt_id: str) -> float:
        if prompt_id not in self._rates:
            name = prompt_id.rpartition("-")[0]
            source = next(source for source in self.sources if source.name == name)
            self._rates[prompt_id] = random.Random(f"{self.seed} {prompt_id}").betavariate(source.alpha, source.beta)
        return self._rates[prompt_id]

    def _lengths_of(self, domain: Domain, right: bool) -> Lengths:
        key = (domain, right)
        if key not in self._lengths:
            mean = PUBLISHED_MEANS[domain] * (1.0 if right else self.wrong_is_longer)
            self._lengths[key] = Lengths(median=median_of(mean), sigma=SIGMA, max=MAX_TOKENS)
        return self._lengths[key]


def median_of(mean: float, sigma: float = SIGMA) -> float:
    """Of the log-normal distribution with this mean, before it is cut."""
    return mean / math.exp(sigma * sigma / 2)


def shards(sources: tuple[Source, ...], prompts: Mapping[Domain, int], size: int = 256, seed: int = 1) -> Shards:
    """Prompts of each domain, mixed and cut: every shard is a sample of its domain, as hashed ids make it."""
    made: dict[str, tuple[ShardEntry, Mapping[str, str]]] = {}
    for domain, number in prompts.items():
        groups = {
            f"{source.name}-{domain}{n}": source.name for source in sources for n in range(round(source.share * number))
        }
        ids = sorted(groups)
        random.Random(f"{seed} {domain}").shuffle(ids)
        for start in range(0, len(ids), size):
            taken = ids[start : start + size]
            shard_id = f"{domain}-{start // size:05d}"
            made[shard_id] = (ShardEntry(shard_id, domain, len(taken)), {one: groups[one] for one in taken})
    return made
