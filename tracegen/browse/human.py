"""Notes as a verdict set named ``human``, in the ledger's own form: other commands compare it with any other set.

It holds verdicts on the rows that have a note, and no others; writing it again writes it whole.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from tracegen.browse.notes import MARKS, Note, read_notes
from tracegen.catalog import open_catalog
from tracegen.catalog.browsing import paid_for
from tracegen.errors import UserError
from tracegen.ledger.layout import verdicts_folder, verdicts_key
from tracegen.ledger.schema import judgements_to_table, write_parquet
from tracegen.protocols import Store
from tracegen.store import SubStore, open_store
from tracegen.types import Judgement, Outcome

HUMAN = "human"
VERIFIER = "human/1"
SHOWN = 300
"""Characters of a note that a verdict has as its detail."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What became of a run's notes."""

    name: str
    rows: int
    outcomes: Mapping[str, int]
    left_out: int
    """Notes on attempts that are not settled."""


def export_notes(store_uri: str, run_id: str) -> Exported:
    """Write the set. Raises UserError where there is no note."""
    store = SubStore(open_store(store_uri), run_id)
    notes = read_notes(store)
    if not notes:
        raise UserError(f"run {run_id} has no notes", hint=f"make some: tracegen browse {run_id}")
    with open_catalog(store_uri, run_id) as connection:
        found = [_judgement(notes[str(row["attempt_id"])], row) for row in paid_for(connection, sorted(notes))]
    _write(store, found)
    outcomes = Counter(judgement.outcome.value for judgement in found)
    return Exported(HUMAN, len(found), dict(outcomes), len(notes) - len(found))


def notes_of(store_uri: str, run_id: str) -> dict[str, Note]:
    """A run's notes, by row."""
    return read_notes(SubStore(open_store(store_uri), run_id))


def _judgement(note: Note, row: Mapping[str, object]) -> Judgement:
    return Judgement(
        attempt_id=note.id,
        prompt_id=str(row["prompt_id"]),
        shard_id=str(row["shard_id"]),
        epoch=int(str(row["epoch"])),
        outcome=Outcome(MARKS[note.mark]),
        reason=f"marked_{note.mark}",
        detail=note.note[:SHOWN],
        verifier=VERIFIER,
        completion_tokens=int(str(row["completion_tokens"])),
        cpu_s=0.0,
    )


def _write(store: Store, judgements: list[Judgement]) -> None:
    shards: dict[str, list[Judgement]] = defaultdict(list)
    for judgement in judgements:
        shards[judgement.shard_id].append(judgement)
    told = {"schema": "tracegen/verdict-set/1", "set": HUMAN, "verifiers": {}, "marked": len(judgements)}
    store.put(f"{verdicts_folder(HUMAN)}set.json", (json.dumps(told, indent=2) + "\n").encode())
    written = {verdicts_key(HUMAN, shard_id): rows for shard_id, rows in shards.items()}
    for key, rows in written.items():
        rows.sort(key=lambda judgement: judgement.attempt_id)
        store.put(key, write_parquet(judgements_to_table(rows)))
    # Whose notes were all taken back.
    for item in list(store.list(verdicts_folder(HUMAN))):
        if item.key.endswith(".parquet") and item.key not in written:
            store.delete(item.key)
