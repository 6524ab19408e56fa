"""What tests of faults look at: the run's ledger through the store, its globs through DuckDB while it goes on."""

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

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

EVERY_S = 0.1
NOTHING_YET = ("no run", "No files found")
TABLES = {
    "ledger/completions/*.parquet": "attempt_id",
    "ledger/verdicts/*/*.parquet": "attempt_id",
    "corpus/*/train-*.parquet": "id",
}
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


class Watcher(threading.Thread):
    """Looks again and again while processes die, and remembers what was wrong. It never keeps a test from ending."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._over = threading.Event()
        self.problems: list[str] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join(30)

    def run(self) -> None:
        while not self._over.wait(EVERY_S):
            with self._noting():
                self._look()

    @contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        except (TracegenError, duckdb.Error) as error:
            if not any(innocent in str(error) for innocent in NOTHING_YET):
                self.problems.append(f"{type(error).__name__}: {error}")

    def _look(self) -> None:
        raise NotImplementedError


class Onlooker(Watcher):
    """Asks the catalog's views for every row, wherever the store is."""

    def __init__(self, uri: str, run_id: str, env: Mapping[str, str]) -> None:
        super().__init__()
        self._run = (uri, run_id, env)
        self.looks = 0

    def _look(self) -> None:
        uri, run_id, env = self._run
        with open_catalog(uri, run_id, threads=1, env=env) as catalog:
            for view, key in KEYS.items():
                with suppress(duckdb.CatalogException):
                    rows, attempts = catalog.execute(ROWS.format(view=view, key=key)).fetchone() or (0, 0)
                    if rows != attempts:
                        self.problems.append(f"{view}: {rows} rows of {attempts} attempts")
            self.looks += 1


class GlobReader(Watcher):
    """Asks DuckDB for every row under plain globs, without a line of tracegen."""

    def __init__(self, run: Path) -> None:
        super().__init__()
        self._run = run
        self.seen: set[tuple[str, int]] = set()
        """Table and number of rows."""

    def _look(self) -> None:
        with duckdb.connect() as connection:
            for glob, key in TABLES.items():
                with self._noting():
                    self._look_at(connection, glob, key)

    def _look_at(self, connection: duckdb.DuckDBPyConnection, glob: str, key: str) -> None:
        # A set of verdicts and a version of the corpus is a table: rows may be in several versions.
        query = f"""
            SELECT parse_dirpath(filename), count(*), count(DISTINCT {key}), bool_and({key} <> '')
            FROM read_parquet('{self._run}/{glob}', filename = true) GROUP BY 1"""
        for table, rows, distinct, named in connection.sql(query).fetchall():
            self.seen.add((table, rows))
            if rows != distinct or not named:
                self.problems.append(f"{table}: {rows} rows of {distinct} attempts")
