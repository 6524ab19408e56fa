"""What an earlier driver has left: counts of its settled shards, read from their verdicts. Reads no text."""

import io
from collections import Counter
from collections.abc import Iterable

import pyarrow.parquet as pq

from tracegen.ledger.settle import verdict_prefix
from tracegen.protocols import Store
from tracegen.scheduling.scheduler import SettledShard
from tracegen.types import Outcome, ShardEntry

COLUMNS = ["prompt_id", "outcome", "completion_tokens"]


def settled_counts(
    store: Store, verdict_set: str, shards: Iterable[ShardEntry], settled: frozenset[str], keep: int
) -> dict[str, SettledShard]:
    """Per settled shard of the plan, what it contributed to its domain's goals."""
    return {shard.shard_id: _counts(store, verdict_set, shard, keep) for shard in shards if shard.shard_id in settled}


def _counts(store: Store, verdict_set: str, shard: ShardEntry, keep: int) -> SettledShard:
    correct: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    tokens = 0
    for stored in store.list(f"{verdict_prefix(verdict_set)}{shard.shard_id}"):
        columns = pq.read_table(io.BytesIO(store.get(stored.key)), columns=COLUMNS).to_pydict()
        outcomes.update(columns["outcome"])
        tokens += sum(columns["completion_tokens"])
        correct.update(
            prompt_id
            for prompt_id, outcome in zip(columns["prompt_id"], columns["outcome"], strict=True)
            if outcome == Outcome.CORRECT
        )
    return SettledShard(
        shard=shard,
        accepted=sum(min(keep, count) for count in correct.values()),
        correct=outcomes[Outcome.CORRECT],
        incorrect=outcomes[Outcome.INCORRECT],
        undecided=outcomes[Outcome.UNDECIDED],
        tokens=tokens,
    )
