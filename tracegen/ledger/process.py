"""Names a process so that another one, later, can tell whether it still runs. It sends no signals."""

import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Process:
    """A process, for good: a number is used again, a number with its start time is not."""

    host: str
    boot_id: str
    """Empty where the system does not tell; then nothing can be said about the process from elsewhere."""
    pid_namespace: str
    """Containers that share a host name count their processes apart."""
    pid: int
    start_ticks: int
    """Since the machine's boot, as the kernel counts."""


def this_process(pid: int, *, proc: Path = Path("/proc")) -> Process:
    """The process of that number, on this machine, in words that last."""
    return Process(
        host=socket.gethostname(),
        boot_id=_read(proc / "sys/kernel/random/boot_id"),
        pid_namespace=_link(proc / "self/ns/pid"),
        pid=pid,
        start_ticks=_start_ticks(proc, pid) or 0,
    )


def is_running(process: Process, *, seen_from: Process, proc: Path = Path("/proc")) -> bool | None:
    """Whether it runs; None when that cannot be told from here, as of a process that is stopped."""
    if process.host != seen_from.host or not process.boot_id or not process.start_ticks:
        return None
    if process.boot_id != seen_from.boot_id:
        # Either this machine was started again, or another one has the same name.
        return None
    if process.pid_namespace != seen_from.pid_namespace:
        return None
    if _start_ticks(proc, process.pid) != process.start_ticks:
        return False
    # A stopped process (SIGSTOP, Ctrl-Z, a debugger) cannot show that it lives: its silence has to tell.
    return None if _state(proc, process.pid) in "Tt" else True


def _start_ticks(proc: Path, pid: int) -> int | None:
    """Field 22 of the process's status; None for one that is gone, or dead and not buried."""
    fields = _status(proc, pid)
    return None if not fields or fields[0] in "ZX" else int(fields[19])


def _state(proc: Path, pid: int) -> str:
    return (_status(proc, pid) or ["X"])[0]


def _status(proc: Path, pid: int) -> list[str]:
    """Fields 3 and on; none for a process that is gone."""
    # The second field is the name in parentheses, and may hold spaces and parentheses itself.
    return _read(proc / str(pid) / "stat").rpartition(")")[2].split()


def _read(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(errors="replace").strip()
    return ""


def _link(path: Path) -> str:
    with suppress(OSError):
        return str(path.readlink())
    return ""
