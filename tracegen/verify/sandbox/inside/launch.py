"""How a slot starts and ends a run: the part that differs between the isolations."""

import os
import signal
from dataclasses import dataclass
from typing import Protocol

from tracegen.verify.sandbox.inside.job import Job
from tracegen.verify.sandbox.inside.meter import family

_FAULT = b"!"
"""Begins a message that says why a program was not started; any other is the status of one that ended."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the runs of a slot are subject to, beside their job's own numbers."""

    processes: int
    """The host's /proc, open."""
    filter: bytes = b""
    """seccomp instructions."""
    memory_is_capped: bool = False
    """By a cgroup, for all processes together; the address space then need not be tight."""


@dataclass(frozen=True, slots=True)
class Started:
    """A run in progress: the process to wait for, and the pipe on which it, or the candidate before its start, reports."""

    pid: int
    report: int


class Launcher(Protocol):
    """One isolation."""

    @property
    def slot_namespaces(self) -> int:
        """What the supervisor forks a slot into."""

    def enter(self) -> None:
        """Make this slot's process what it must be. Once, before the first run. Raises OSError."""

    def start(self, job: Job) -> Started:
        """Begin; in the candidate's own process this does not return."""

    def kill(self, started: Started) -> None:
        """End all its processes now."""

    def finish(self, started: Started) -> tuple[int, str]:
        """Wait until nothing is left of it: the status, and the sandbox's fault if there was one."""


def write_fault(report: int, error: BaseException) -> None:
    os.write(report, _FAULT + f"{error}\n".encode()[:1000])


def read_report(report: int) -> tuple[int | None, str]:
    """A status, or a fault, or neither: it was killed."""
    message = os.read(report, 4096)
    os.close(report)
    if message.startswith(_FAULT):
        return None, message[len(_FAULT) :].decode(errors="replace").partition("\n")[0]
    return (int(message) if message else None), ""


def end_what_is_left() -> None:
    """For a slot that adopts orphans: kill and reap until it has no children."""
    while True:
        for pid in family(os.getpid())[1:]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return
