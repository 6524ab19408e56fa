"""What a person thinks of rows: a mark and a few words each, kept beside the run. They decide nothing.

::

    notes/<row id>.json      {"id", "mark", "note", "at_s"}; the last one written holds

Through the store's protocol, so it is the same on S3.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from tracegen.errors import StoreError, UserError, boundary
from tracegen.protocols import Store
from tracegen.types import Outcome

NOTES = "notes/"
MARKS = {"right": Outcome.CORRECT, "wrong": Outcome.INCORRECT, "unsure": Outcome.UNDECIDED}
"""What a person can say, and what it is as a verdict."""
LONGEST_NOTE = 4000
_READERS = 16


@dataclass(frozen=True, slots=True)
class Note:
    """One person's word on one row."""

    id: str
    mark: str
    """One of ``MARKS``."""
    note: str
    at_s: float
    """Unix time."""


def read_notes(store: Store) -> dict[str, Note]:
    """All notes, by row. ``store`` is the run's own, or the corpus's. Raises StoreError for one that is damaged."""
    keys = [item.key for item in store.list(NOTES) if item.key.endswith(".json")]
    with ThreadPoolExecutor(_READERS) as readers:
        return {note.id: note for note in readers.map(lambda key: _read(store, key), keys)}


def write_note(store: Store, note: Note) -> None:
    """Keep a note, in place of an earlier one. Raises UserError."""
    if note.mark not in MARKS:
        raise UserError(f"no mark {note.mark!r}", hint=f"there is: {', '.join(MARKS)}")
    if len(note.note) > LONGEST_NOTE:
        raise UserError(f"a note of {len(note.note)} characters", hint=f"at most {LONGEST_NOTE}")
    store.put(_key(note.id), (json.dumps(asdict(note)) + "\n").encode())


def delete_note(store: Store, row_id: str) -> None:
    """Take a note back; nothing happens when there is none."""
    store.delete(_key(row_id))


def _key(row_id: str) -> str:
    return f"{NOTES}{row_id}.json"


def _read(store: Store, key: str) -> Note:
    with boundary(StoreError, f"cannot read {store.uri}/{key}", hint="mend or delete it"):
        return Note(**json.loads(store.get(key)))
