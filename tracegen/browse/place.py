"""What is being looked at: a run in a store, or a corpus's folder. It opens connections and says where notes lie."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tracegen.catalog import Connection, open_catalog, open_corpora
from tracegen.errors import StoreError, UserError
from tracegen.protocols import Store
from tracegen.runs import RUN_KEY, status
from tracegen.store import SubStore, open_store

MEMORY_BYTES = 2 * 1024**3
"""Each connection's; DuckDB spills to a temporary folder beyond it."""


@dataclass(frozen=True, slots=True)
class Place:
    """A run, or a corpus alone."""

    title: str
    """Run id, or the corpus's folder."""
    uri: str
    corpus: bool
    """There is no ledger: only what was kept, without the rejected attempts."""
    notes: Store
    """Notes lie in its folder ``notes/``."""
    connect: Callable[[], Connection]
    standing: Callable[[], dict[str, Any] | None]
    """The last snapshot of the run's driver; None where there is none."""


def open_run(store_uri: str, run_id: str, verdict_set: str = "") -> Place:
    """A run, by the verdicts of one of its sets: the corpus's where none is named."""
    store = SubStore(open_store(store_uri), run_id)

    def connect() -> Connection:
        return open_catalog(store_uri, run_id, verdict_set=verdict_set, memory_bytes=MEMORY_BYTES)

    def standing() -> dict[str, Any] | None:
        with suppress(UserError):
            return status(store_uri, run_id).to_json()
        return None

    return Place(run_id, f"{store_uri.rstrip('/')}/{run_id}", False, store, connect, standing)


def open_corpus(uri: str) -> Place:
    """A corpus's folder. Its notes are its run's, where it still lies in one."""
    uri = uri.rstrip("/")

    def connect() -> Connection:
        return open_corpora({"corpus": uri}, memory_bytes=MEMORY_BYTES)

    return Place(uri, uri, True, _beside(uri), connect, lambda: None)


def _beside(uri: str) -> Store:
    run_uri, found, _ = uri.rpartition("/corpus/")
    if found and run_uri and not run_uri.endswith("/"):
        run = open_store(run_uri)
        with suppress(KeyError, StoreError):
            run.get(RUN_KEY)
            return run
    return open_store(uri)
