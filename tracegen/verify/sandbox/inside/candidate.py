"""The last steps in a candidate's own process: descriptors, limits, privileges, and then it is the program."""

import math
import os
import resource
import signal
from collections.abc import Mapping
from typing import NoReturn

from tracegen.verify.sandbox.inside.job import Job

FIRST_OWN = 10
"""Our descriptors are from here up, so that a candidate's 0 to 3 can be put in place without stepping on them."""
_OPEN_FILES = 256
_STACK_BYTES = 64 * 1024**2
_INTERPRETER_BYTES = 64 * 1024**2


class BecomeProgram(BaseException):
    """Raised in a candidate's process only; caught at the top, where the source is run as ``__main__``."""

    def __init__(self, source: bytes) -> None:
        super().__init__()
        self.source = source


def place(job: Job, *keep: int) -> int:
    """Put the job's descriptors where the program expects them, close all others but ``keep`` and the program's."""
    for number, descriptor in enumerate((*job.standard, *((job.channel,) if job.channel is not None else ()))):
        os.dup2(descriptor, number)
    close_all_but(3 + (job.channel is not None), *keep, job.program)
    return job.program


def close_all_but(first: int, *keep: int) -> None:
    for descriptor in sorted(keep):
        os.closerange(first, descriptor)
        first = descriptor + 1
    os.closerange(first, resource.getrlimit(resource.RLIMIT_NOFILE)[1])


def limit(job: Job, memory_is_capped: bool, counts_processes: bool = True) -> None:
    """The kernel's own limits: per process, and the last word if all of ours should fail."""
    address_space = job.memory_bytes * 4 if memory_is_capped else job.memory_bytes
    values = {
        resource.RLIMIT_AS: address_space + _INTERPRETER_BYTES,
        resource.RLIMIT_CPU: math.ceil(job.cpu_s) + 1,
        resource.RLIMIT_FSIZE: job.file_bytes,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_STACK: min(_STACK_BYTES, job.memory_bytes),
        # One byte, not none: a core_pattern that is a program is started for any limit but this.
        resource.RLIMIT_CORE: 1,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_MEMLOCK: 65536,
    }
    if counts_processes:
        values[resource.RLIMIT_NPROC] = job.processes + 1
    for name, value in values.items():
        _, hard = resource.getrlimit(name)
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(name, (most, most))


def become(program: int, report: int, job: Job, environment: Mapping[str, str]) -> NoReturn:
    """Run the job's program in this process. Raises OSError where it cannot be started; else the report is closed."""
    if not job.arguments:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        source = _read_all(program)
        os.close(report)
        raise BecomeProgram(source)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    os.set_inheritable(program, False)
    os.execve(program if job.is_binary else job.arguments[0], job.arguments, environment)  # noqa: S606


def prefer_for_oom(processes: int) -> None:
    """When memory runs out, the kernel is to take the candidate and not us. ``processes``: the host's /proc, open."""
    descriptor = os.open("self/oom_score_adj", os.O_WRONLY, dir_fd=processes)
    os.write(descriptor, b"1000")
    os.close(descriptor)


def _read_all(descriptor: int) -> bytes:
    size = os.fstat(descriptor).st_size
    data = os.pread(descriptor, size, 0)
    os.close(descriptor)
    return data
