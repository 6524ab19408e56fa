"""Looks at a store before a run spends anything on it, and says in one line what is wrong with it."""

import glob
import re
from concurrent.futures import Future
from contextlib import nullcontext, suppress
from threading import Thread
from uuid import uuid4

from tracegen.errors import StoreError, StoreUnavailable, TracegenError, boundary
from tracegen.protocols import Store
from tracegen.store.keys import SubStore
from tracegen.store.local import LocalStore
from tracegen.store.memory import MemoryStore
from tracegen.store.s3 import S3Store

_UNANSWERED_HINT = "is the server overloaded, or the mount hung?"


def preflight(store: Store, *, deadline_s: float = 15.0) -> None:
    """Write, read, list and delete a probe. Raises StoreUnavailable, at the latest after ``deadline_s``.

    No probe is left behind; only one that a server answers too late stays if this process ends first.
    """
    outcome: Future[None] = Future()

    def work() -> None:
        try:
            with boundary(StoreError, f"cannot use {store.uri}"):
                _probe(hurried(store, deadline_s))
        except TracegenError as error:
            outcome.set_exception(error)
        else:
            outcome.set_result(None)

    # A daemon, as a call into a hung file system cannot be ended.
    Thread(target=work, name="store-preflight", daemon=True).start()
    try:
        outcome.result(timeout=deadline_s)
    except TimeoutError:
        raise StoreUnavailable(f"{store.uri} did not answer in {deadline_s:g} s", hint=_UNANSWERED_HINT) from None
    except StoreError as error:
        raise StoreUnavailable(_without_probe(error.message), hint=error.hint) from error


def hurried(store: Store, deadline_s: float) -> Store:
    """The store with so little patience that its own words about the trouble come before the deadline does."""
    if isinstance(store, SubStore):
        return SubStore(hurried(store.store, deadline_s), store.prefix)
    return store.hurried(deadline_s / 5, deadline_s / 2) if isinstance(store, S3Store) else store


def _without_probe(message: str) -> str:
    """The trouble is the store's: the name of the probe that met it would only distract."""
    return re.sub(r"/probe-[0-9a-f]{32}", "", message)


def free_bytes(store: Store) -> int | None:
    """Space left; None where a store has no such limit, or does not tell."""
    base = _base(store)
    return base.free_bytes() if isinstance(base, LocalStore) else None


def lives_in_one_process(store: Store) -> bool:
    """Whether another process cannot reach it."""
    return isinstance(_base(store), MemoryStore)


def glob_uri(store: Store, key_pattern: str) -> str:
    """Keys by pattern (``*``, ``**``) as a glob that DuckDB reads."""
    base = _base(store)
    if isinstance(base, MemoryStore):
        raise StoreUnavailable(f"{store.uri} cannot be read by DuckDB", hint="use a folder or s3://")
    root = glob.escape(store.uri) if isinstance(base, LocalStore) else store.uri
    return f"{root}/{key_pattern}"


def _base(store: Store) -> Store:
    while isinstance(store, SubStore):
        store = store.store
    return store


def _probe(store: Store) -> None:
    base = _base(store)
    with base.leaving_no_folders() if isinstance(base, LocalStore) else nullcontext():
        key = f"probe-{uuid4().hex}"
        try:
            _write_twice(store, key)
        except TracegenError:
            with suppress(TracegenError):
                store.delete(key)
            raise
        store.delete(key)
        if isinstance(base, LocalStore):
            base.sweep()


def _write_twice(store: Store, key: str) -> None:
    first, second = store.put_if_absent(key, b"first"), store.put_if_absent(key, b"second")
    if second:
        raise StoreUnavailable(
            f"{store.uri} ignores conditional writes (If-None-Match), so that two drivers could overwrite each other",
            hint="use a server that honours them, as AWS S3, SeaweedFS, MinIO or Ceph",
        )
    if not first or store.get(key) != b"first" or key not in {found.key for found in store.list(key)}:
        raise StoreUnavailable(f"{store.uri} does not show what was just written", hint="use a consistent store")
