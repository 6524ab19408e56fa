"""The two streams of the command line. Results go to standard output; progress, notes and errors to standard error."""

import logging
import os
import sys

from rich.console import Console

NO_TERMINAL_WIDTH = 160
"""Where nobody told us a width: tables are cut for a log file, not for a window."""


def stdout() -> Console:
    """For what a command was asked for. Made anew each time: the stream may have been redirected."""
    return _wide(Console(highlight=False))


def stderr() -> Console:
    """For everything else."""
    return _wide(Console(stderr=True, highlight=False))


def _wide(console: Console) -> Console:
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = NO_TERMINAL_WIDTH
    return console


class _ToStderr(logging.Handler):
    """Looks the stream up at each line: while a board is drawn, rich puts one in its place that makes room."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(self.format(record) + "\n")


def show_logs(*, verbose: bool) -> None:
    """The library's log lines, on standard error."""
    form = "%(asctime)s %(name)s: %(message)s" if verbose else "%(levelname)s: %(message)s"
    logging.basicConfig(level=logging.WARNING, handlers=[_ToStderr()], format=form, force=True)
    logging.getLogger("tracegen").setLevel(logging.INFO if verbose else logging.WARNING)
