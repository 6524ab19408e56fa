"""A candidate's Python program from its first line to its last, in a process that was forked to become it."""

import atexit
import gc
import os
import sys
import threading
import types
from typing import NoReturn

PROGRAM_NAME = "program.py"
_UNFLUSHED = 120
"""The exit code of an interpreter that could not write what was left in its buffers."""


def run_as_main(source: bytes) -> NoReturn:
    """Run it as ``__main__``, with fresh standard streams, and end the process as the interpreter would.

    Only quicker: the interpreter's own end takes all modules apart, which costs more than most programs.
    """
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    sys.argv[:] = [PROGRAM_NAME]
    _open_standard_streams()
    status = _execute(source, vars(main))
    # As in Py_FinalizeEx: threads, atexit, then what the program held, so that its files are flushed.
    getattr(threading, "_shutdown")()  # noqa: B009
    getattr(atexit, "_run_exitfuncs")()  # noqa: B009
    vars(main).clear()
    gc.collect()
    os._exit(status if _flush() else _UNFLUSHED)


def _execute(source: bytes, namespace: dict[str, object]) -> int:
    try:
        exec(compile(source, PROGRAM_NAME, "exec", dont_inherit=True), namespace)  # noqa: S102
    except SystemExit as end:
        return _status(end.code)
    except BaseException as error:  # noqa: BLE001 - it is the interpreter's turn
        trace = error.__traceback__ and error.__traceback__.tb_next
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        return 1
    return 0


def _status(code: object) -> int:
    if code is None or isinstance(code, int):
        return (code or 0) & 0xFF
    sys.stderr.write(f"{code}\n")
    return 1


def _flush() -> bool:
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):
        return False
    return True


def _open_standard_streams() -> None:
    """Anew: those of the supervisor were made for other files."""
    for name, number, mode, errors in (
        ("stdin", 0, "r", "surrogateescape"), ("stdout", 1, "w", "surrogateescape"), ("stderr", 2, "w", "backslashreplace"),
    ):  # fmt: skip
        stream = open(number, mode, 1 if number == 2 else -1, "utf-8", errors, closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
