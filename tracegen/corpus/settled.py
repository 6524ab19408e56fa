"""The settled part of a ledger, shard by shard: verdicts alone for choosing, and completions with text for writing."""

from collections import defaultdict
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tracegen.corpus.layout import END, Span
from tracegen.errors import StoreError, boundary
from tracegen.ledger.layout import COMPLETIONS, parse_settled_key, verdicts_folder
from tracegen.prompts.prepare import Plan
from tracegen.protocols import Store, StoredObject
from tracegen.types import Attempt, Outcome, ShardEntry

VERDICT_COLUMNS = ["attempt_id", "prompt_id", "outcome", "reason", "verifier", "completion_tokens"]
ROWS_PER_BATCH = 64


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a corpus needs of a judgement."""

    attempt: Attempt
    outcome: Outcome
    reason: str
    verifier: str
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class SettledShard:
    """A shard whose completions are settled, with its objects."""

    entry: ShardEntry
    completions: tuple[StoredObject, ...]
    verdicts: tuple[StoredObject, ...]
    end: str
    """All ids of its prompts are below it."""

    @property
    def size_bytes(self) -> int:
        return sum(found.size_bytes for found in self.completions)

    def read_verdicts(self, store: Store, span: Span) -> list[Verdict]:
        rows = (row for found in self.verdicts for row in _read(store, found.key, VERDICT_COLUMNS).to_pylist())
        return [
            Verdict(
                attempt(row["attempt_id"]),
                Outcome(row["outcome"]),
                row["reason"],
                row["verifier"],
                row["completion_tokens"],
            )
            for row in rows
            if row["attempt_id"] in span
        ]

    def read_correct(self, store: Store) -> tuple[list[Attempt], int]:
        """The attempts that were right, and how many there were in all: what choosing needs, and cheap."""
        correct: list[Attempt] = []
        attempts = 0
        for found in self.verdicts:
            table = _read(store, found.key, ["attempt_id", "outcome"])
            attempts += table.num_rows
            right = table["attempt_id"].filter(pc.equal(table["outcome"], Outcome.CORRECT.value))
            correct.extend(map(attempt, right.to_pylist()))
        return correct, attempts

    def read_completions(
        self, store: Store, wanted: Set[str], columns: Sequence[str]
    ) -> Iterator[tuple[list[str], list[dict[str, Any]]]]:
        """Batch by batch: the attempts that were completed, and the rows of those that are wanted."""
        wanted_ids = pa.array(sorted(wanted), pa.string())
        for found in self.completions:
            with boundary(StoreError, f"{store.uri}/{found.key} is damaged"):
                file = pq.ParquetFile(pa.BufferReader(store.get(found.key)))
                for batch in file.iter_batches(ROWS_PER_BATCH, columns=list(columns)):
                    is_wanted = pc.is_in(batch["attempt_id"], wanted_ids)
                    yield batch["attempt_id"].to_pylist(), batch.filter(is_wanted).to_pylist()


@dataclass(frozen=True, slots=True)
class Settled:
    """Every settled shard of a run, under one verdict set."""

    shards: tuple[SettledShard, ...]
    """By lane, then by id of the first prompt: within a lane, all of one shard's ids precede the next one's."""

    def meeting(self, span: Span) -> tuple[SettledShard, ...]:
        """The shards that may hold ids of a span."""
        return tuple(shard for shard in self.shards if span.meets(shard.entry.first_prompt_id, shard.end))

    def objects(self) -> list[tuple[str, int]]:
        """Key and size of everything that the corpus is made of, sorted."""
        found = (one for shard in self.shards for one in (*shard.completions, *shard.verdicts))
        return sorted((one.key, one.size_bytes) for one in found)


def settled(store: Store, plan: Plan, verdict_set: str) -> Settled:
    completions = _by_shard(store, COMPLETIONS)
    verdicts = _by_shard(store, verdicts_folder(verdict_set))
    entries = sorted(plan.shards, key=lambda entry: (entry.lane, entry.first_prompt_id))
    return Settled(
        tuple(
            SettledShard(entry, tuple(completions[entry.shard_id]), tuple(verdicts.get(entry.shard_id, ())), end)
            for entry, end in zip(entries, _ends(entries), strict=True)
            if entry.shard_id in completions
        )
    )


def _ends(entries: Sequence[ShardEntry]) -> Iterator[str]:
    """Where the next shard of the same lane begins."""
    for entry, following in zip_longest(entries, entries[1:]):
        yield following.first_prompt_id if following and following.lane == entry.lane else END


def attempt(attempt_id: str) -> Attempt:
    prompt_id, _, index = attempt_id.partition(".")
    return Attempt(prompt_id, int(index))


def _by_shard(store: Store, prefix: str) -> dict[str, list[StoredObject]]:
    found: dict[str, list[StoredObject]] = defaultdict(list)
    for one in store.list(prefix):
        if shard_and_part := parse_settled_key(one.key):
            found[shard_and_part[0]].append(one)
    return dict(found)


def _read(store: Store, key: str, columns: list[str]) -> pa.Table:
    with boundary(StoreError, f"{store.uri}/{key} is damaged"):
        return pq.read_table(pa.BufferReader(store.get(key)), columns=columns)
