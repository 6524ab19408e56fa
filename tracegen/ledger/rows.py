"""Reads journal objects and decides which row of an attempt counts. It writes nothing."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass

import pyarrow as pa

from tracegen.ledger.layout import JournalObject
from tracegen.ledger.schema import COMPLETION, JUDGEMENT, column, read_parquet
from tracegen.protocols import Store


@dataclass(frozen=True, slots=True)
class Rows:
    """Both tables of a shard: at most one row per attempt, in the order of attempt ids."""

    completions: pa.Table
    judgements: pa.Table


def read_rows(
    store: Store, objects: Sequence[JournalObject], held: Collection[str] = (), *, gone_ok: bool = False
) -> Rows:
    """The rows of these objects that count, without attempts that are ``held`` already: a function of the objects.

    Of two completions of one attempt the newer epoch's counts, and within an epoch the first. A judgement counts
    with the completion whose epoch it names: it judged that text and no other; of two, the one written later counts.
    Raises KeyError for an object that is gone unless ``gone_ok``, StoreError for one that is damaged.
    """
    found = [*_read(store, objects, gone_ok)]
    completions, epochs = _completions([table for o, table in found if o.kind == "completions"], held)
    judgements = _judgements([(o.epoch, table) for o, table in found if o.kind == "judgements"], epochs)
    return Rows(completions, judgements)


def _read(store: Store, objects: Sequence[JournalObject], gone_ok: bool) -> Iterator[tuple[JournalObject, pa.Table]]:
    for journal_object in sorted(objects):
        schema = COMPLETION if journal_object.kind == "completions" else JUDGEMENT
        with suppress(KeyError) if gone_ok else nullcontext():
            data = store.get(journal_object.key)
            yield journal_object, read_parquet(data, schema, f"{store.uri}/{journal_object.key}")


def _completions(tables: Sequence[pa.Table], held: Collection[str]) -> tuple[pa.Table, dict[str, int]]:
    table = pa.concat_tables([COMPLETION.empty_table(), *tables])
    attempts, epochs = column(table, "attempt_id"), column(table, "epoch")
    chosen = _newest(attempts, epochs, (row for row, attempt in enumerate(attempts) if attempt not in held))
    return _pick(table, chosen), {attempt: epochs[row] for attempt, row in chosen.items()}


def _judgements(tables: Sequence[tuple[int, pa.Table]], completed: dict[str, int]) -> pa.Table:
    written = [epoch for epoch, table in tables for _ in range(table.num_rows)]
    table = pa.concat_tables([JUDGEMENT.empty_table(), *(table for _, table in tables)])
    attempts, judged = column(table, "attempt_id"), column(table, "epoch")
    counting = (
        row
        for row, (attempt, epoch) in enumerate(zip(attempts, judged, strict=True))
        if completed.get(attempt) == epoch
    )
    return _pick(table, _newest(attempts, written, counting))


def _newest(attempts: Sequence[str], epochs: Sequence[int], rows: Iterable[int]) -> dict[str, int]:
    """Row of each attempt."""
    chosen: dict[str, int] = {}
    for row in rows:
        best = chosen.setdefault(attempts[row], row)
        if epochs[row] > epochs[best]:
            chosen[attempts[row]] = row
    return chosen


def _pick(table: pa.Table, chosen: dict[str, int]) -> pa.Table:
    return table.take(pa.array([chosen[attempt] for attempt in sorted(chosen)], pa.int64()))
