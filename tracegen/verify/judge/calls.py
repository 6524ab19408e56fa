r"""Calls to the judge's engine: so many at once, tried again, and never for ever. Knows no prompts and no verdicts.

An engine that has died is started again, not more often than every ``REVIVE_S``; until it serves, calls fail at once.
Belongs to the event loop it was started on.
"""

import asyncio
import logging
from collections.abc import Callable

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential

from tracegen.errors import EngineDead, EngineError, TracegenError, boundary
from tracegen.protocols import Engine
from tracegen.types import Generation, Request

logger = logging.getLogger(__name__)

MAX_TRIES = 3
REVIVE_S = 30.0


class Calls:
    """One engine, ``slots`` calls at once."""

    def __init__(self, make_engine: Callable[[], Engine], slots: int, revive_s: float = REVIVE_S) -> None:
        self._make_engine = make_engine
        self._slots = asyncio.Semaphore(slots)
        self._revive_s = revive_s
        self._engine: Engine | None = None
        self._revival: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises what the engine's start raises."""
        engine = self._make_engine()
        try:
            await engine.start()
            self._engine = engine
        finally:
            if self._engine is not engine:
                await _close_quietly(engine)

    async def close(self) -> None:
        """Idempotent."""
        revival, self._revival = self._revival, None
        if revival is not None:
            revival.cancel()
            await asyncio.wait([revival])
        engine, self._engine = self._engine, None
        if engine is not None:
            await _close_quietly(engine)

    async def ask(self, request: Request) -> Generation:
        """One reply. Raises EngineError: RequestRefused for a request that no trying again helps."""
        async with self._slots:
            engine = self._engine
            if engine is None:
                raise EngineDead("the judge is down")
            try:
                return await _tried(engine, request)
            except EngineDead as error:
                await self._bury(engine, error)
                raise

    async def _bury(self, engine: Engine, error: EngineDead) -> None:
        if self._engine is not engine:
            return  # another call has seen it first, or we were closed
        self._engine = None
        logger.warning("the judge is down, what it was to settle stays undecided: %s", error)
        # A task of its own: loading a model may take longer than any case may wait.
        self._revival = asyncio.create_task(self._revive())
        await _close_quietly(engine)

    async def _revive(self) -> None:
        while self._engine is None:
            await asyncio.sleep(self._revive_s)
            try:
                with boundary(EngineError, "starting"):
                    await self.start()
            except TracegenError as error:
                logger.warning("the judge cannot be started again: %s", error)
        logger.warning("the judge answers again")


async def _close_quietly(engine: Engine) -> None:
    try:
        with boundary(EngineError, "closing"):
            await engine.close()
    except TracegenError as error:
        logger.info("the judge did not close: %s", error)


async def _named(engine: Engine, request: Request) -> Generation:
    with boundary(EngineError, f"the judge failed at {request.attempt_id}"):
        return await engine.generate(request)


async def _tried(engine: Engine, request: Request) -> Generation:
    retrying = AsyncRetrying(
        retry=retry_if_exception(_may_pass),
        stop=stop_after_attempt(MAX_TRIES),
        wait=wait_random_exponential(multiplier=0.2, max=5),
        reraise=True,
    )
    return await retrying(_named, engine, request)


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, EngineError) and error.retryable and not isinstance(error, EngineDead)
