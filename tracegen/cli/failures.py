"""From errors to what a person sees: one line on standard error, and an exit code. No traceback, unless asked for."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

from tracegen.cli.terminal import stderr
from tracegen.errors import Interrupted, TracegenError, boundary

STOPPED = 130
"""128 + SIGINT, as shells report it."""


def told(work: Callable[[], None]) -> NoReturn:
    """Do the work and exit; an error becomes one line. ``TRACEGEN_DEBUG=1`` shows the traceback instead."""
    try:
        with boundary(TracegenError, "internal error", hint="TRACEGEN_DEBUG=1 shows where; please report it"):
            work()
    except TracegenError as error:
        if os.environ.get("TRACEGEN_DEBUG") == "1":
            raise
        bundle = error.__cause__ if isinstance(error.__cause__, BaseExceptionGroup) else None
        named = first_named(bundle) or error
        say(f"error: {' '.join(str(named).split())}")
        raise SystemExit(named.exit_code) from None
    raise SystemExit(0)


def first_named(error: BaseException | None) -> TracegenError | None:
    """The error with a name inside a task group's bundle; what has no name there only followed from it."""
    if isinstance(error, TracegenError):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(first_named, error.exceptions)), None)
    return None


def say(line: str) -> None:
    """One line for a person, as it is: not wrapped, no markup."""
    stderr().print(line, markup=False, soft_wrap=True)


@contextmanager
def stopping_cleanly(farewell: str) -> Iterator[None]:
    """Ctrl-C and SIGTERM are endings, not errors."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except (KeyboardInterrupt, asyncio.CancelledError, Interrupted):
        _leave(farewell)
    except SystemExit as ending:
        # ray.init replaces our handler by one that exits with the signal's number.
        if ending.code != signal.SIGTERM:
            raise
        _leave(farewell)
    finally:
        signal.signal(signal.SIGTERM, before)


def _leave(farewell: str) -> NoReturn:
    say(farewell)
    raise typer.Exit(STOPPED)
