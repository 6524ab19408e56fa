"""Closes shards: a shard's journal becomes settled objects, written once, whole. It decides nothing about prompts.

What goes into a settled part is fixed first, by a plan that only one writer can make: the list of its journal
objects. Journal objects never change, so whoever carries the plan out, and however often, writes the same rows;
a crash at any point, or a second driver, can only repeat what was done. Completions come last, and their existence
makes the shard settled. Rows that reach the journal later become a further part that has only what is missing.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tracegen.errors import StoreError
from tracegen.ledger.layout import (
    COMPLETIONS,
    JOURNAL,
    JournalObject,
    completions_key,
    journal_folder,
    parse_journal_key,
    parse_plan_key,
    parse_settled_key,
    plan_key,
    verdicts_key,
)
from tracegen.ledger.rows import Rows, read_rows
from tracegen.ledger.schema import COMPLETION, column, judgements_to_table, read_parquet, write_parquet
from tracegen.protocols import Store
from tracegen.types import Judgement, Outcome

_ROUNDS = 20  # each round ends with a part more or a journal object less, unless the store loses objects

_UNJUDGED: dict[str, Any] = {
    "outcome": Outcome.UNDECIDED,
    "reason": "unjudged",
    "detail": "no verdict was recorded before its shard was settled",
    "verifier": "ledger/1",
    "cpu_s": 0.0,
}


@dataclass(frozen=True, slots=True)
class _Folder:
    """A shard as found: how many settled parts, what is in its journal folder."""

    parts: int
    objects: tuple[JournalObject, ...]
    plans: tuple[int, ...]


def settle(store: Store, shard_id: str, verdict_set: str) -> None:
    """Turn the shard's journal into settled objects. Idempotent; a shard without rows gets empty ones."""
    for _ in range(_ROUNDS):
        if _settle_once(store, shard_id, verdict_set):
            return
    raise StoreError(f"{store.uri}/{journal_folder(shard_id)} cannot be settled", hint="objects of it are missing")


def settled_shards(store: Store) -> set[str]:
    """Shards that are settled."""
    found = (parse_settled_key(item.key) for item in store.list(COMPLETIONS))
    return {shard_id for shard_id, part in filter(None, found) if part == 0}


def verdict_keys(store: Store, verdict_set: str, shard_id: str) -> list[str]:
    """Where a settled shard's verdicts lie, part by part."""
    prefix = verdicts_key(verdict_set, shard_id).removesuffix("parquet")
    return [item.key for item in store.list(prefix)]


def open_shards(store: Store) -> set[str]:
    """Shards with rows in the journal."""
    found = (parse_journal_key(item.key) for item in store.list(JOURNAL))
    return {journal_object.shard_id for journal_object in found if journal_object is not None}


def sweep(store: Store, verdict_set: str) -> tuple[str, ...]:
    """Clear what crashes left in the journal of settled shards, keeping rows that are not settled yet."""
    folders = {item.key.removeprefix(JOURNAL).partition("/")[0] for item in store.list(JOURNAL)}
    swept = tuple(sorted(folders & settled_shards(store)))
    for shard_id in swept:
        settle(store, shard_id, verdict_set)
    return swept


def _settle_once(store: Store, shard_id: str, verdict_set: str) -> bool:
    """One part, or one cleaning. False: look again, as rows are left or another writer was faster."""
    folder = _look(store, shard_id)
    held = _held(store, shard_id, folder.parts)
    if folder.parts and not read_rows(store, folder.objects, held, gone_ok=True).completions.num_rows:
        _clean(store, shard_id, folder.objects, [plan for plan in folder.plans if plan < folder.parts])
        return True
    planned = _plan(store, shard_id, folder.parts, folder.objects)
    if planned is None or not _write_part(store, shard_id, folder.parts, verdict_set, planned, held):
        return False
    _clean(store, shard_id, planned, [plan for plan in {folder.parts, *folder.plans} if plan <= folder.parts])
    return set(folder.objects) <= set(planned)


def _look(store: Store, shard_id: str) -> _Folder:
    # Parts first: a part that appears in between makes us look again, a journal object swept in between does not.
    settled = (parse_settled_key(item.key) for item in store.list(completions_key(shard_id).removesuffix("parquet")))
    parts = sum(1 for found in settled if found is not None and found[0] == shard_id)
    keys = [item.key for item in store.list(journal_folder(shard_id))]
    objects = sorted(o for o in map(parse_journal_key, keys) if o is not None)
    return _Folder(parts, tuple(objects), tuple(plan for plan in map(parse_plan_key, keys) if plan is not None))


def _plan(store: Store, shard_id: str, part: int, objects: Sequence[JournalObject]) -> list[JournalObject] | None:
    """What the part is made of: as the first writer listed it. None when it has been carried out meanwhile."""
    key = plan_key(shard_id, part)
    keys = [journal_object.key for journal_object in objects]
    if not store.put_if_absent(key, json.dumps(keys).encode()):
        try:
            keys = json.loads(store.get(key))
        except KeyError:
            return None
    return [o for o in map(parse_journal_key, keys) if o is not None]


def _held(store: Store, shard_id: str, parts: int) -> set[str]:
    """Attempts that earlier parts hold."""
    held: set[str] = set()
    for part in range(parts):
        key = completions_key(shard_id, part)
        held.update(column(read_parquet(store.get(key), COMPLETION, f"{store.uri}/{key}"), "attempt_id"))
    return held


def _write_part(
    store: Store, shard_id: str, part: int, verdict_set: str, planned: Sequence[JournalObject], held: set[str]
) -> bool:
    try:
        # What a later part planned and somebody swept, earlier parts hold. The first part has no earlier one:
        # its journal is only swept when it exists.
        rows = read_rows(store, planned, held, gone_ok=part > 0)
    except KeyError:
        return False
    store.put_if_absent(verdicts_key(verdict_set, shard_id, part), write_parquet(_all_judged(rows)))
    return store.put_if_absent(completions_key(shard_id, part), write_parquet(rows.completions))


def _all_judged(rows: Rows) -> pa.Table:
    """A verdict for each completion: what was not judged in time is undecided.

    So a completion and its verdict are always in the same part, and a verdict that comes later, perhaps on the text
    of another driver, finds no completion without one.
    """
    judged = frozenset(column(rows.judgements, "attempt_id"))
    copied = ("attempt_id", "prompt_id", "shard_id", "epoch", "completion_tokens")
    rows_copied = zip(*(column(rows.completions, name) for name in copied), strict=True)
    identities = (dict(zip(copied, values, strict=True)) for values in rows_copied)
    unjudged = [Judgement(**identity, **_UNJUDGED) for identity in identities if identity["attempt_id"] not in judged]
    return pa.concat_tables([rows.judgements, judgements_to_table(unjudged)]).sort_by("attempt_id")


def _clean(store: Store, shard_id: str, objects: Iterable[JournalObject], plans: Iterable[int]) -> None:
    """Only what settled parts hold already, and plans of parts that exist."""
    for journal_object in objects:
        store.delete(journal_object.key)
    for plan in plans:
        store.delete(plan_key(shard_id, plan))
