"""Keeps one part of a run alive: a part that is lost is started again, and what was asked of it is asked again.

For parts whose work may be repeated (recorders, verifier pools). Replicas are looked after by their pumps, since an
attempt must not simply be repeated.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from tracegen.errors import ActorLost, TracegenError, boundary

logger = logging.getLogger(__name__)

MAX_LOSSES_IN_A_ROW = 8
PAUSE_S, LONGEST_PAUSE_S = 0.5, 5.0
"""Between losses in a row, doubled each time: until Ray calls a node dead (15 s), it may start parts on it."""


class Closable(Protocol):
    """A part that can be shut down."""

    async def close(self) -> None: ...


P = TypeVar("P", bound=Closable)
R = TypeVar("R")


class Supervised(Generic[P]):
    """One part, and the way to start it again."""

    def __init__(self, name: str, start: Callable[[], Awaitable[P]]) -> None:
        self._name = name
        self._start = start
        self._part: P | None = None
        self._starting = asyncio.Lock()
        self._losses = 0

    async def begin(self) -> None:
        """Start the part before anything is asked of it."""
        await self.call(lambda _: asyncio.sleep(0))

    async def call(self, ask: Callable[[P], Awaitable[R]]) -> R:
        """Ask the part; ask its replacement when it is lost. Raises ActorLost when replacements keep dying."""
        while True:
            part: P | None = None
            try:
                part = await self._current()
                answer = await ask(part)
            except ActorLost as error:
                await self._lost(part, error)
            else:
                self._losses = 0
                return answer

    async def _current(self) -> P:
        async with self._starting:
            if self._part is None:
                # Not after the first loss: most parts die alone, and a run waits for this one.
                if self._losses > 1:
                    await asyncio.sleep(min(PAUSE_S * 2.0 ** (self._losses - 2), LONGEST_PAUSE_S))
                self._part = await self._start()
            return self._part

    async def _lost(self, part: P | None, error: ActorLost) -> None:
        if part is not self._part:
            return  # somebody else has seen it first
        self._part = None
        self._losses += 1
        logger.warning("%s lost, starting it again: %s", self._name, error)
        if part is not None:
            await self._close(part)  # it may only have been cut off
        if self._losses >= MAX_LOSSES_IN_A_ROW:
            raise error

    async def close(self) -> None:
        """Shut the part down; one that is lost already is none of our concern."""
        part, self._part = self._part, None
        if part is not None:
            await self._close(part)

    async def _close(self, part: P) -> None:
        try:
            with boundary(ActorLost, "closing"):
                await part.close()
        except TracegenError as error:
            logger.info("%s did not close: %s", self._name, error)
