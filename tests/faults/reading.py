"""What tests of faults look at: the run's ledger through the store, its globs through DuckDB while it goes on."""

import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import duckdb

from tracegen.catalog import open_catalog
from tracegen.errors import TracegenError
from tracegen.ledger.journal import replay
from tracegen.ledger.layout import COMPLETIONS
from tracegen.ledger.schema import COMPLETION, read_parquet, table_to_completions
from tracegen.ledger.settle import open_shards
from tracegen.protocols import Store
from tracegen.store import MemoryStore, SubStore, open_store
from tracegen.types import Completion

ROWS = "SELECT count(*), count(DISTINCT {key}) FROM {view}"
KEYS = {"completions": "attempt_id", "verdicts": "attempt_id", "corpus": "(prompt_id, attempt_index)"}


def run_store(uri: str, run_id: str, env: Mapping[str, str]) -> Store:
    return SubStore(open_store(uri, env=env), run_id)


def settled(store: Store) -> list[Completion]:
    rows: list[Completion] = []
    for found in store.list(COMPLETIONS):
        rows += table_to_completions(read_parquet(store.get(found.key), COMPLETION, found.key))
    return rows


def durable(store: Store) -> dict[str, int]:
    """Epoch of every completion in the ledger, settled or not, by attempt: all that was acknowledged, at least."""
    rows = {row.attempt_id: row.epoch for shard_id in open_shards(store) for row in replay(store, shard_id)[0]}
    return rows | {row.attempt_id: row.epoch for row in settled(store)}


def copied(store: Store, prefixes: Iterable[str]) -> MemoryStore:
    copy = MemoryStore()
    for prefix in prefixes:
        for found in list(store.list(prefix)):
            copy.put(found.key, store.get(found.key))
    return copy


@dataclass
class Onlooker:
    """Asks DuckDB for every row under the plain globs, again and again, while processes die."""

    uri: str
    run_id: str
    env: Mapping[str, str]
    looks: int = 0
    problems: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Onlooker":
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)

    def _watch(self) -> None:
        while not self._stop.wait(0.2):
            try:
                self._look()
            except (TracegenError, duckdb.Error) as error:
                if "no run" not in str(error):
                    self.problems.append(f"{type(error).__name__}: {error}")

    def _look(self) -> None:
        with open_catalog(self.uri, self.run_id, threads=1, env=self.env) as catalog:
            for view, key in KEYS.items():
                with suppress(duckdb.CatalogException):
                    rows, attempts = catalog.execute(ROWS.format(view=view, key=key)).fetchone() or (0, 0)
                    if rows != attempts:
                        self.problems.append(f"{view}: {rows} rows of {attempts} attempts")
            self.looks += 1
