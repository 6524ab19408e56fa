"""Puts questions to DuckDB from coroutines: in threads, with a time limit, stopped when nobody waits any more.

A question is a function of a connection. Narrow ones share the index's; those that read text each have a reader, a
connection of their own, and wait while all are taken.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tracegen.browse.notes import Note, read_notes
from tracegen.browse.place import Place
from tracegen.catalog import Connection
from tracegen.catalog.browsing import index
from tracegen.errors import TracegenError

T = TypeVar("T")
Question = Callable[[Connection], T]

READERS = 2
"""Texts that are read at the same time."""
LIMIT_S = 20.0
TEXT_LIMIT_S = 120.0


class TooSlow(TracegenError):  # noqa: N818
    """A question took longer than anybody waits."""


class Dataset:
    """A place with its index: opened once, asked often, replaced as a whole when the run has gone on."""

    def __init__(self, place: Place) -> None:
        """Reads the narrow columns of every row: three seconds for a million rows. Blocks."""
        self.notes: dict[str, Note] = read_notes(place.notes)
        # Before the rows: a shard that is settled in between makes it look too old, never too new.
        self.standing = place.standing()
        self._index = place.connect()
        marks = {row_id: note.mark for row_id, note in self.notes.items()}
        self.rows = index(self._index, corpus=place.corpus, marks=marks)
        self._place = place
        self._threads = ThreadPoolExecutor(READERS + 3, thread_name_prefix="browse")
        self._free: asyncio.LifoQueue[Connection | None] = asyncio.LifoQueue()
        for _ in range(READERS):
            self._free.put_nowait(None)

    async def ask(self, question: Question[T]) -> T:
        """Put to the index."""
        return await self._asked(self._index.cursor(), question, LIMIT_S, lambda _: None)

    async def read(self, question: Question[T], limit_s: float = TEXT_LIMIT_S) -> T:
        """Put to the files."""
        reader = await self._free.get()
        try:
            connection = await asyncio.to_thread(self._place.connect) if reader is None else reader
        except BaseException:
            self._free.put_nowait(None)
            raise
        return await self._asked(connection, question, limit_s, self._free.put_nowait)

    async def _asked(
        self, connection: Connection, question: Question[T], limit_s: float, done: Callable[[Connection], None]
    ) -> T:
        asked = asyncio.get_running_loop().run_in_executor(self._threads, question, connection)

        def ended(future: asyncio.Future[T]) -> None:
            # Whoever asked may be gone: the error has been looked at, and the connection is free again only now.
            if not future.cancelled():
                future.exception()
            done(connection)

        asked.add_done_callback(ended)
        try:
            async with asyncio.timeout(limit_s):
                return await asyncio.shield(asked)
        except TimeoutError:
            connection.interrupt()
            raise TooSlow(f"no answer within {limit_s:g} s", hint="ask for less: another filter") from None
        except asyncio.CancelledError:
            connection.interrupt()
            raise

    def close(self) -> None:
        """Let the threads go; connections close when nobody holds them."""
        self._threads.shutdown(wait=False, cancel_futures=True)
