"""The state of a server: the place, its dataset, which is replaced when the run has gone on, and its notes."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from tracegen.browse.notes import Note, delete_note, write_note
from tracegen.browse.place import Place
from tracegen.browse.questions import Dataset
from tracegen.catalog.browsing import set_mark

LOOK_AGAIN_S = 10.0
"""A run that goes on is read anew at most so often."""


class Desk:
    """One place on the table."""

    def __init__(self, place: Place, now_s: Callable[[], float] = time.time) -> None:
        """Reads the place's index. Blocks."""
        self.place = place
        self.dataset = Dataset(place)
        self._now_s = now_s
        self._read_at_s = now_s()
        self._reading = asyncio.Lock()

    async def about(self) -> dict[str, Any]:
        """What is being looked at. A run with newly settled shards is read anew."""
        standing = await asyncio.to_thread(self.place.standing)
        await self._catch_up(standing)
        return {
            "title": self.place.title,
            "uri": self.place.uri,
            "corpus": self.place.corpus,
            "rows": self.dataset.rows,
            "notes": f"{self.place.notes.uri}/notes",
            "standing": standing and _told(standing),
        }

    async def note(self, row_id: str, mark: str, text: str) -> None:
        """Keep a note, or take it back where the mark is empty."""
        note = Note(row_id, mark, text, self._now_s())
        if mark:
            await asyncio.to_thread(write_note, self.place.notes, note)
            self.dataset.notes[row_id] = note
        else:
            await asyncio.to_thread(delete_note, self.place.notes, row_id)
            self.dataset.notes.pop(row_id, None)
        await self.dataset.ask(lambda connection: set_mark(connection, row_id, mark))

    async def _catch_up(self, standing: dict[str, Any] | None) -> None:
        async with self._reading:
            known = self.dataset.standing
            gone_on = standing and (not known or standing["shards_settled"] != known["shards_settled"])
            if gone_on and self._now_s() - self._read_at_s >= LOOK_AGAIN_S:
                before, self.dataset = self.dataset, await asyncio.to_thread(Dataset, self.place)
                self._read_at_s = self._now_s()
                before.close()


def _told(standing: dict[str, Any]) -> dict[str, Any]:
    """What a list says of a run; its live page says more."""
    names = ("phase", "at_s", "shards_open", "shards_settled", "shards_total", "in_flight")
    domains = standing["domains"]
    sums = {name: sum(domain[name] for domain in domains) for name in ("attempts", "accepted")}
    return {name: standing[name] for name in names} | sums
