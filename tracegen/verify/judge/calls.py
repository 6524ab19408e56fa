r"""Calls to the judge's engine: so many at once, tried again, and never for ever. Knows no prompts and no verdicts.

An engine that has died is started again, not more often than every ``REVIVE_S``; until then every call fails at once.
Belongs to the event loop it was started on.
"""

import asyncio
import logging
from collections.abc import Callable

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential

from tracegen.errors import EngineDead, EngineError, TracegenError, boundary, first_line
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
        self._died_at_s = 0.0
        self._reviving = asyncio.Lock()
        self.calls = 0
        self.tokens = 0
        """Of prompts and replies, over all calls."""

    async def start(self) -> None:
        """Raises what the engine's start raises."""
        engine = self._make_engine()
        await engine.start()
        self._engine = engine

    async def close(self) -> None:
        """Idempotent."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.close()

    async def ask(self, request: Request) -> Generation:
        """One reply. Raises EngineError: RequestRefused for a request that no trying again helps."""
        async with self._slots:
            engine = await self._living()
            try:
                generation = await _tried(engine, request)
            except EngineDead as error:
                await self._bury(engine, error)
                raise
        self.calls += 1
        self.tokens += generation.prompt_tokens + generation.completion_tokens
        return generation

    async def _living(self) -> Engine:
        async with self._reviving:
            if self._engine is None:
                if asyncio.get_running_loop().time() - self._died_at_s < self._revive_s:
                    raise EngineDead("the judge is down")
                self._died_at_s = asyncio.get_running_loop().time()
                with boundary(EngineDead, "the judge could not be started again"):
                    await self.start()
                logger.warning("the judge answers again")
            engine = self._engine
        if engine is None:
            raise EngineDead("the judge was closed")
        return engine

    async def _bury(self, engine: Engine, error: EngineDead) -> None:
        if self._engine is not engine:
            return  # another call has seen it first
        self._engine, self._died_at_s = None, asyncio.get_running_loop().time()
        logger.warning("the judge is down, what it was to settle stays undecided: %s", error)
        try:
            with boundary(EngineError, "closing"):
                await engine.close()
        except TracegenError as closing:
            logger.info("the judge did not close: %s", first_line(closing))


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
