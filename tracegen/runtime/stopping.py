"""How a run comes to stop before its end: by a signal, or by the loss of its claim. Knows nothing of what runs."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

from tracegen.errors import Fenced, TracegenError, VerifierDrift

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


async def while_kept(keep: Coroutine[Any, Any, None], work: Coroutine[Any, Any, Result]) -> Result:
    """The work's result, while ``keep`` goes on beside it. An error of either ends both."""
    try:
        async with asyncio.TaskGroup() as tasks:
            keeping = tasks.create_task(keep)
            working = tasks.create_task(work)
            working.add_done_callback(lambda _: keeping.cancel())
    except BaseExceptionGroup as errors:
        raise named_first(errors) from errors
    return working.result()


def named_first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error to show: one of ours where there is one; the whole group stays attached as its cause."""
    flat: list[BaseException] = []
    todo: list[BaseException] = [errors]
    while todo:
        error = todo.pop(0)
        if isinstance(error, BaseExceptionGroup):
            todo.extend(error.exceptions)
        else:
            flat.append(error)
    # What else went wrong in a driver that was superseded, or after a verifier drifted, only followed from it.
    for kind in (Fenced, VerifierDrift, TracegenError):
        if found := next((error for error in flat if isinstance(error, kind)), None):
            return found
    return flat[0]
