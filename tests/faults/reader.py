"""Somebody who reads a run's tables with plain globs while it goes on, and remembers what was wrong."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

EVERY_S = 0.1
TABLES = {
    "ledger/completions/*.parquet": "attempt_id",
    "ledger/verdicts/*/*.parquet": "attempt_id",
    "corpus/*/train-*.parquet": "id",
}
NOTHING_YET = "No files found"


class Reader(threading.Thread):
    """Looks every 100 ms. Daemonic: it never keeps a test from ending."""

    def __init__(self, run: Path) -> None:
        super().__init__(daemon=True)
        self._run = run
        self._stop_asked = threading.Event()
        self.seen: set[tuple[str, int]] = set()
        """Table and number of rows."""
        self.wrong: list[str] = []

    def run(self) -> None:
        with duckdb.connect() as connection:
            while not self._stop_asked.is_set():
                for glob, key in TABLES.items():
                    self._look(connection, glob, key)
                time.sleep(EVERY_S)

    def stop(self) -> None:
        self._stop_asked.set()
        self.join(10)

    def _look(self, connection: duckdb.DuckDBPyConnection, glob: str, key: str) -> None:
        # A set of verdicts and a version of the corpus is a table: rows may be in several versions.
        query = f"""
            SELECT parse_dirpath(filename), count(*), count(DISTINCT {key}), bool_and({key} <> '')
            FROM read_parquet('{self._run}/{glob}', filename = true) GROUP BY 1"""
        try:
            found = connection.sql(query).fetchall()
        except duckdb.Error as error:
            if NOTHING_YET not in str(error):
                self.wrong.append(f"{glob}: {error}")
            return
        for table, rows, distinct, named in found:
            self.seen.add((table, rows))
            if rows != distinct or not named:
                self.wrong.append(f"{table}: {rows} rows of {distinct} attempts")


@contextmanager
def reading(run: Path) -> Iterator[Reader]:
    reader = Reader(run)
    reader.start()
    try:
        yield reader
    finally:
        reader.stop()
