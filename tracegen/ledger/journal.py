"""The open part of the ledger: rows become durable in small objects, many rows to a write. It never settles a shard."""

import asyncio
import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tracegen.errors import StoreError
from tracegen.ledger.layout import JournalObject, Kind, check_name, journal_folder, parse_journal_key
from tracegen.ledger.rows import read_rows
from tracegen.ledger.schema import (
    completions_to_table,
    judgements_to_table,
    table_to_completions,
    table_to_judgements,
    write_journal,
)
from tracegen.protocols import Store
from tracegen.types import Completion, Judgement

_ROW_BYTES = 300  # a row without its text, about


@dataclass(frozen=True, slots=True)
class JournalLimits:
    """When rows are written, and how many may wait."""

    linger_s: float = 1.0
    """A row waits at most so long for others to be written with it."""
    flush_bytes: int = 8 * 1024**2
    """With so much waiting, everything is written at once."""
    held_bytes: int = 64 * 1024**2
    """With so much in memory, ``append`` waits before it takes more."""
    writers: int = 16
    """Writes at a time. They wait for the store (an fsync, a PUT), so cores do not bound them."""


@dataclass(eq=False, slots=True)
class _Batch:
    """Rows of one kind and shard that will be one object."""

    kind: Kind
    shard_id: str
    rows: list[Any] = field(default_factory=list)
    size_bytes: int = 0
    due: asyncio.Event = field(default_factory=asyncio.Event)


class Journal:
    """Appends rows durably. For one event loop; all work on bytes and store is done in threads."""

    def __init__(self, store: Store, *, epoch: int, recorder_id: str, limits: JournalLimits | None = None) -> None:
        self._store = store
        self._epoch = epoch
        # A name is never used twice, not even after its object was swept: who settles relies on it.
        self._life = f"{check_name(recorder_id)}-{uuid4().hex[:12]}"
        self._numbers = itertools.count(1)
        self._limits = limits or JournalLimits()
        self._open: dict[tuple[Kind, str], tuple[_Batch, asyncio.Task[None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers = asyncio.Semaphore(self._limits.writers)
        # Of our own: asyncio's pool has a few more threads than there are cores, and settling needs those.
        self._threads = ThreadPoolExecutor(self._limits.writers, "journal")
        self._freed = asyncio.Event()
        self.held_bytes = 0
        self._waiting_bytes = 0
        self._closed = False

    async def append(self, completions: Sequence[Completion]) -> None:
        """Returns when every row is durable. Raises StoreError when some of these rows are not, or may not be."""
        await self._add("completions", completions)

    async def append_judgements(self, judgements: Sequence[Judgement]) -> None:
        """Returns when every row is durable. Raises StoreError when some of these rows are not, or may not be."""
        await self._add("judgements", judgements)

    async def flush(self) -> None:
        """Write what is waiting, and wait for it; whether that went well is told to those who appended."""
        self._hurry()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Flush, and take no more rows. Idempotent."""
        self._closed = True
        await self.flush()
        self._threads.shutdown(wait=False)

    async def _add(self, kind: Kind, rows: Sequence[Completion] | Sequence[Judgement]) -> None:
        if self._closed:
            raise StoreError("the journal is closed")
        writes: set[asyncio.Task[None]] = set()
        for row in rows:
            size = _size_bytes(row)
            await self._room_for(size)
            writes.add(self._take(kind, row, size))
        if writes:
            await asyncio.wait(writes)
        for write in writes:
            write.result()

    async def _room_for(self, size_bytes: int) -> None:
        while self.held_bytes and self.held_bytes + size_bytes > self._limits.held_bytes:
            self._hurry()
            self._freed.clear()
            await self._freed.wait()

    def _take(self, kind: Kind, row: Completion | Judgement, size_bytes: int) -> asyncio.Task[None]:
        batch, write = self._open.get((kind, row.shard_id)) or self._start(kind, row.shard_id)
        batch.rows.append(row)
        batch.size_bytes += size_bytes
        self.held_bytes += size_bytes
        self._waiting_bytes += size_bytes
        if self._waiting_bytes >= self._limits.flush_bytes:
            self._hurry()
        return write

    def _start(self, kind: Kind, shard_id: str) -> tuple[_Batch, asyncio.Task[None]]:
        batch = _Batch(kind, shard_id)
        write = asyncio.create_task(self._commit(batch))
        self._tasks.add(write)
        write.add_done_callback(self._done)
        self._open[kind, shard_id] = (batch, write)
        return batch, write

    def _hurry(self) -> None:
        for batch, _ in self._open.values():
            batch.due.set()

    async def _commit(self, batch: _Batch) -> None:
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._limits.linger_s):
                    await batch.due.wait()
            async with self._writers:
                # Only now is the batch closed: rows that come while all writers are busy share its write.
                del self._open[batch.kind, batch.shard_id]
                self._waiting_bytes -= batch.size_bytes
                await asyncio.get_running_loop().run_in_executor(self._threads, self._write, batch)
        finally:
            self.held_bytes -= batch.size_bytes
            self._freed.set()

    def _done(self, write: asyncio.Task[None]) -> None:
        self._tasks.discard(write)
        if not write.cancelled():
            write.exception()  # seen: those who appended raise it, unless they were cancelled meanwhile

    def _write(self, batch: _Batch) -> None:
        to_table = completions_to_table if batch.kind == "completions" else judgements_to_table
        key = JournalObject(batch.shard_id, self._epoch, self._life, next(self._numbers), batch.kind).key
        if not self._store.put_if_absent(key, write_journal(to_table(batch.rows))):
            raise StoreError(f"{self._store.uri}/{key} exists already", hint="two recorders took the same name")


def journal_objects(store: Store, shard_id: str) -> list[JournalObject]:
    """The journal objects of a shard, in order."""
    found = (parse_journal_key(item.key) for item in store.list(journal_folder(shard_id)))
    return sorted(o for o in found if o is not None)


def replay(store: Store, shard_id: str, distrusted: int = 0) -> tuple[list[Completion], list[Judgement]]:
    """What an open shard's journal holds, one row per attempt. Raises StoreError naming an object it cannot read.

    Judgements of epochs up to ``distrusted`` are left out: see ``drift.py``.
    """
    try:
        objects = [o for o in journal_objects(store, shard_id) if o.kind == "completions" or o.epoch > distrusted]
        rows = read_rows(store, objects)
    except KeyError as error:
        raise StoreError(
            f"{store.uri}/{error.args[0]} is gone", hint="is another driver at work on this run?"
        ) from error
    return table_to_completions(rows.completions), table_to_judgements(rows.judgements)


def _size_bytes(row: Completion | Judgement) -> int:
    # Characters, not bytes: counting bytes would encode every text a second time.
    return _ROW_BYTES + len(row.text if isinstance(row, Completion) else row.detail)
