"""Isolation by namespaces: a slot lives in a prepared root; a run is two forks from it, into namespaces of its own.

The first fork is process 1 of the run. It is ours, reaps what is orphaned, and takes everything down with it. The second is
the candidate.
"""

import os
import signal
from collections.abc import Mapping
from typing import NoReturn

from tracegen.verify.sandbox.inside import candidate, kernel, root
from tracegen.verify.sandbox.inside.candidate import BecomeProgram
from tracegen.verify.sandbox.inside.job import Job
from tracegen.verify.sandbox.inside.launch import Policy, Started, read_report, write_fault

MAX_FILES = 4096
SLOT_NAMESPACES = kernel.CLONE_NEWNS | kernel.CLONE_NEWPID | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS


class Namespaces:
    """Made in the supervisor; a slot is a fork that has it."""

    def __init__(self, policy: Policy, environment: Mapping[str, str]) -> None:
        self._policy = policy
        self._environment = environment
        self._user, self._group = os.getuid(), os.getgid()

    @property
    def slot_namespaces(self) -> int:
        return SLOT_NAMESPACES | (kernel.CLONE_NEWUSER if self._user else 0)

    def enter(self) -> None:
        if self._user:
            self._map_user(self._user, self._group)
        root.build()
        if not self._user:
            root.become_nobody()
        kernel.set_dumpable(False)

    def start(self, job: Job) -> Started:
        report, reported = os.pipe()
        pid = kernel.clone(kernel.ALL_NAMESPACES)
        if not pid:
            self._be_first(job, reported)
        os.close(reported)
        return Started(pid, report)

    def finish(self, started: Started) -> tuple[int, str]:
        _, status = os.waitpid(started.pid, 0)
        reported, fault = read_report(started.report)
        return (status if reported is None else reported), fault

    def kill(self, started: Started) -> None:
        os.kill(started.pid, signal.SIGKILL)

    def _be_first(self, job: Job, reported: int) -> NoReturn:
        try:
            self._prepare(job)
            child = os.fork()
            if not child:
                self._become(job, reported)
        except BecomeProgram:
            raise
        except BaseException as error:  # noqa: BLE001 - this is a copy of the slot, and must not go on as one
            write_fault(reported, error)
            os._exit(1)
        _take_down_after(child, reported)

    def _prepare(self, job: Job) -> None:
        """As process 1, with every capability over the new namespaces and none elsewhere."""
        kernel.set_dumpable(True)
        self._map_user(root.BOX_ID, root.BOX_ID)
        kernel.set_dumpable(False)
        options = f"size={job.file_bytes},nr_inodes={MAX_FILES},mode=1777"
        kernel.mount("tmpfs", root.TEMPORARY, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, options)
        root.mount_processes()
        os.chdir(root.TEMPORARY)

    def _become(self, job: Job, reported: int) -> NoReturn:
        kernel.set_dumpable(True)
        candidate.prefer_for_oom(self._policy.processes)
        program = candidate.place(job, reported)
        os.setsid()
        candidate.limit(job, self._policy.memory_is_capped)
        kernel.drop_privileges()
        kernel.set_filter(self._policy.filter)
        candidate.become(program, reported, job, self._environment)

    def _map_user(self, user: int, group: int) -> None:
        for name, text in (("setgroups", "deny"), ("uid_map", _only(user)), ("gid_map", _only(group))):
            descriptor = os.open(f"self/{name}", os.O_WRONLY, dir_fd=self._policy.processes)
            os.write(descriptor, text.encode())
            os.close(descriptor)


def _only(outside: int) -> str:
    return f"{root.BOX_ID} {outside} 1"


def _take_down_after(child: int, reported: int) -> NoReturn:
    """Wait for the candidate, then end whatever it left, so that the processor time of all is in our account."""
    candidate.close_all_but(0, reported)
    status = _wait_for(child)
    try:
        os.kill(-1, signal.SIGKILL)
        while True:
            os.waitpid(-1, 0)
    except (ProcessLookupError, ChildProcessError):
        os.write(reported, str(status).encode())
    os._exit(0)


def _wait_for(child: int) -> int:
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child:
            return status
