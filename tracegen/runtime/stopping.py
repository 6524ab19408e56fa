"""How a run is told to stop from outside: one way, whichever signal it came by. Knows nothing of what runs."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


def until_stopped(work: Coroutine[Any, Any, Result]) -> Result:
    """``asyncio.run`` in which SIGTERM does what Ctrl-C does: the work is cancelled, cleans up, KeyboardInterrupt.

    For the main thread. The handler that was there before is there again afterwards.
    """
    terminated = False

    async def watched() -> Result:
        task = asyncio.current_task()

        def terminate() -> None:
            nonlocal terminated
            terminated = True
            # Once is enough: a second cancellation would cut the cleaning up short.
            if task is not None and not task.cancelling():
                task.cancel()

        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate)
        return await work

    before = signal.getsignal(signal.SIGTERM)
    try:
        return asyncio.run(watched())
    except asyncio.CancelledError:
        if terminated:
            raise KeyboardInterrupt from None
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
