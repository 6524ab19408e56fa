"""Pass one of a build: from verdicts alone, how many traces are wanted of each prompt, and how the files are cut.

It reads no text: which of a prompt's traces are taken is decided when they are written (``rows.py``).
"""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tracegen.corpus.layout import Layout, Weights
from tracegen.corpus.settled import Settled, SettledShard
from tracegen.protocols import Store
from tracegen.recipe import Recipe
from tracegen.selection import EVERYTHING, admitted, precedence, threshold
from tracegen.types import Attempt, Lane

COMPRESSION = 2.6
"""Text bytes per byte stored, about (zstd 3; docs/benchmarks)."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Decides about any prompt, without holding the set of what is chosen."""

    recipe: Recipe
    thresholds: Mapping[Lane, int]
    """By lane with a quota: the last precedence that it admits."""

    def of(self, shard: SettledShard, correct: Iterable[Attempt]) -> dict[str, int]:
        """How many samples each prompt of one shard gives, of those that were solved."""
        last = self.thresholds.get(shard.entry.lane, EVERYTHING)
        keep, seed = self.recipe.rejection.keep, self.recipe.seed
        return {
            prompt_id: admitted(prompt_id, min(traces, keep), last, seed)
            for prompt_id, traces in Counter(attempt.prompt_id for attempt in correct).items()
        }


def choose(store: Store, recipe: Recipe, settled: Settled) -> Choice:
    """Quotas become thresholds. Memory: 8 bytes per wanted trace of a lane that has a quota, or whose domain has one.

    A source with a quota is filled first; what is left of its domain's quota goes to the sources without one.
    """
    quotas, source_quotas = recipe.rejection.quotas, recipe.source_quotas
    ranks: dict[Lane, array[int]] = defaultdict(lambda: array("Q"))
    for shard in settled.shards:
        if shard.entry.domain in quotas or shard.entry.source in source_quotas:
            for prompt_id, wanted in Choice(recipe, {}).of(shard, shard.read_correct(store)[0]).items():
                ranks[shard.entry.lane].extend(precedence(prompt_id, place, recipe.seed) for place in range(wanted))
    left, thresholds = dict(quotas), {}
    for lane in sorted(ranks, key=lambda lane: not lane.source):
        quota = source_quotas[lane.source] if lane.source else left[lane.domain]
        if lane.domain in left:
            left[lane.domain] -= min(quota, len(ranks[lane]))
        thresholds[lane] = threshold(ranks[lane], quota)
    return Choice(recipe, thresholds)


def lay_out(store: Store, recipe: Recipe, settled: Settled, choice: Choice) -> Layout:
    """Files by the size of what is chosen, as far as stored sizes tell."""
    weights = Weights()
    for shard in settled.shards:
        correct, attempts = shard.read_correct(store)
        each = COMPRESSION * shard.size_bytes / max(1, attempts)
        for prompt_id, samples in choice.of(shard, correct).items():
            weights.add(prompt_id, samples * each)
    return weights.cut(recipe.corpus.file_bytes)
