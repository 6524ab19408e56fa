"""What an earlier driver has left: counts of its settled shards, read from their verdicts. Reads no text."""

import io
from collections import Counter
from collections.abc import Iterable, Iterator, Set

import pyarrow.parquet as pq

from tracegen.ledger.settle import verdict_keys
from tracegen.protocols import Store
from tracegen.scheduling.state import SettledShard
from tracegen.scheduling.tokens import TokenCounts, cause
from tracegen.types import Outcome, ShardEntry

COLUMNS = ["prompt_id", "outcome", "reason", "completion_tokens"]


def settled_counts(
    store: Store, verdict_set: str, shards: Iterable[ShardEntry], settled: Set[str], keep: int
) -> dict[str, SettledShard]:
    """Per settled shard of the plan, what it contributed to its domain's goals."""
    return {shard.shard_id: _counts(store, verdict_set, shard, keep) for shard in shards if shard.shard_id in settled}


def _counts(store: Store, verdict_set: str, shard: ShardEntry, keep: int) -> SettledShard:
    correct: Counter[str] = Counter()
    outcomes: Counter[Outcome] = Counter()
    wrong: Counter[str] = Counter()
    tokens: Counter[str] = Counter()
    for prompt_id, outcome, reason, completion_tokens in _verdicts(store, verdict_set, shard.shard_id):
        tokens[cause(outcome, reason, wanted=correct[prompt_id] < keep)] += completion_tokens
        outcomes[outcome] += 1
        correct[prompt_id] += outcome is Outcome.CORRECT
        wrong[prompt_id] += outcome is Outcome.INCORRECT
    return SettledShard(
        shard=shard,
        accepted=sum(min(keep, count) for count in correct.values()),
        correct=outcomes[Outcome.CORRECT],
        incorrect=outcomes[Outcome.INCORRECT],
        undecided=outcomes[Outcome.UNDECIDED],
        tokens=TokenCounts(**tokens),
        ended=Counter((correct[prompt_id], wrong[prompt_id]) for prompt_id in correct),
    )


def _verdicts(store: Store, verdict_set: str, shard_id: str) -> Iterator[tuple[str, Outcome, str, int]]:
    for key in verdict_keys(store, verdict_set, shard_id):
        columns = pq.read_table(io.BytesIO(store.get(key)), columns=COLUMNS).to_pydict()
        for prompt_id, outcome, reason, tokens in zip(*(columns[name] for name in COLUMNS), strict=True):
            yield prompt_id, Outcome(outcome), reason, tokens
