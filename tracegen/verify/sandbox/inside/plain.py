"""No isolation: a forked process with resource limits, for operators who ask for it by name. It stops accidents only."""

import os
import shutil
import signal
import tempfile
from collections.abc import Mapping
from typing import NoReturn

from tracegen.verify.sandbox.inside import candidate, kernel
from tracegen.verify.sandbox.inside.candidate import BecomeProgram
from tracegen.verify.sandbox.inside.job import Job
from tracegen.verify.sandbox.inside.launch import Policy, Started, end_what_is_left, read_report, write_fault


class Plain:
    """Each run has a folder of its own in ``parent``, which is removed after it."""

    slot_namespaces = 0

    def __init__(self, policy: Policy, environment: Mapping[str, str], parent: str) -> None:
        self._policy, self._environment, self._parent = policy, environment, parent
        self._folder = ""

    def enter(self) -> None:
        kernel.adopt_orphans()

    def start(self, job: Job) -> Started:
        self._folder = tempfile.mkdtemp(dir=self._parent)
        report, reported = os.pipe()
        pid = os.fork()
        if pid:
            os.close(reported)
            return Started(pid, report)
        try:
            self._become(job, reported)
        except BecomeProgram:
            raise
        except BaseException as error:  # noqa: BLE001 - this is a copy of the slot, and must not go on as one
            write_fault(reported, error)
            os._exit(1)

    def kill(self, started: Started) -> None:
        os.kill(started.pid, signal.SIGKILL)

    def finish(self, started: Started) -> tuple[int, str]:
        _, status = os.waitpid(started.pid, 0)
        end_what_is_left()
        shutil.rmtree(self._folder, ignore_errors=True)
        return status, read_report(started.report)[1]

    def _become(self, job: Job, reported: int) -> NoReturn:
        kernel.die_with_parent()
        os.setsid()
        os.chdir(self._folder)
        here = {"HOME": self._folder, "TMPDIR": self._folder}
        os.environ.update(here)
        candidate.prefer_for_oom(self._policy.processes)
        program = candidate.place(job, reported)
        # Of a real user all processes would count, not the run's.
        candidate.limit(job, self._policy.memory_is_capped, counts_processes=False)
        kernel.no_new_privileges()
        candidate.become(program, reported, job, {**self._environment, **here})
