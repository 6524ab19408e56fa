"""What a call learns whose engine is closed under it. Closing itself is each engine's own."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tracegen.errors import EngineDead, EngineError


@contextmanager
def closing_is_death(engine: str, closed: Callable[[], bool]) -> Iterator[None]:
    """EngineDead for a call that its engine's closing has ended, whatever the engine's library made of it.

    Queues cancel what waits in them when they are closed; to the caller that would look as if it had been cancelled.
    """
    try:
        yield
    except (asyncio.CancelledError, EngineError) as error:
        task = asyncio.current_task()
        if closed() and not (task and task.cancelling()):
            raise EngineDead(f"the engine {engine} was closed") from error
        raise
