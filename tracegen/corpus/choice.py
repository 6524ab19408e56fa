"""Pass one of a build: from verdicts alone, which traces are wanted and how the files are cut. It reads no text."""

from array import array
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from tracegen.corpus.layout import Layout, Weights
from tracegen.corpus.settled import Settled, SettledShard
from tracegen.protocols import Store
from tracegen.recipe import Recipe
from tracegen.selection import keep, precedence, threshold
from tracegen.types import Attempt, Domain

COMPRESSION = 2.6
"""Text bytes per byte stored, about (zstd 3; docs/benchmarks)."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Decides about any attempt, without holding the set of those chosen."""

    recipe: Recipe
    thresholds: Mapping[Domain, int]
    """By domain with a quota: the last precedence that it admits."""

    def of(self, shard: SettledShard, correct: list[Attempt]) -> set[Attempt]:
        """The attempts of one shard that become samples."""
        last = self.thresholds.get(shard.entry.domain, 2**64)
        kept = keep(correct, self.recipe.rejection.keep)
        return {attempt for attempt, place in kept if precedence(attempt, place, self.recipe.seed) <= last}


def choose(store: Store, recipe: Recipe, settled: Settled) -> Choice:
    """Quotas become thresholds. Memory: 8 bytes per accepted trace of a domain that has a quota."""
    ranks: dict[Domain, array[int]] = defaultdict(lambda: array("Q"))
    for shard in settled.shards:
        if shard.entry.domain in recipe.rejection.quotas:
            kept = keep(shard.read_correct(store)[0], recipe.rejection.keep)
            ranks[shard.entry.domain].extend(precedence(attempt, place, recipe.seed) for attempt, place in kept)
    quotas = recipe.rejection.quotas
    return Choice(recipe, {domain: threshold(found, quotas[domain]) for domain, found in ranks.items()})


def lay_out(store: Store, recipe: Recipe, settled: Settled, choice: Choice) -> Layout:
    """Files by the size of what is chosen, as far as stored sizes tell."""
    weights = Weights()
    for shard in settled.shards:
        correct, attempts = shard.read_correct(store)
        each = COMPRESSION * shard.size_bytes / max(1, attempts)
        for attempt in choice.of(shard, correct):
            weights.add(attempt.prompt_id, each)
    return weights.cut(recipe.corpus.file_bytes)
