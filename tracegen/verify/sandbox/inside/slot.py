"""A slot: the warm process from which runs are forked, one at a time. It watches the run; it never runs a candidate."""

import os
import select
import socket
import time

from tracegen.verify.sandbox.inside.cgroups import Group
from tracegen.verify.sandbox.inside.job import KILL, Account, Job, receive_job, send_account
from tracegen.verify.sandbox.inside.launch import Launcher, Started
from tracegen.verify.sandbox.inside.meter import Meter

READY = Account()
_LEAST_WAIT_S, _MOST_WAIT_S = 0.01, 0.5
_MEMORY_WAIT_S = 0.05
"""How often memory is looked at where no control group guards it."""
_OURS_BYTES = 32 * 1024**2
"""Of a group's memory: the slot itself, and what the kernel charges for a run's files and processes."""
_CORES = os.cpu_count() or 1


class Slot:
    """Serves one owner's socket until that is closed."""

    def __init__(self, owner: socket.socket, launcher: Launcher, group: Group) -> None:
        self._owner, self._launcher, self._group = owner, launcher, group

    def serve(self) -> None:
        """In a candidate's process this raises BecomeProgram."""
        send_account(self._owner, READY)
        while (job := receive_job(self._owner)) is not None:
            try:
                account = self._run(job)
            except OSError as error:
                account = Account(fault=str(error))
            send_account(self._owner, account)

    def _run(self, job: Job) -> Account:
        self._group.limit(job.memory_bytes + job.file_bytes + _OURS_BYTES, job.processes + 2)
        meter, begun = Meter(self._group), time.monotonic()
        try:
            started = self._launcher.start(job)
        except OSError:
            job.close()
            raise
        job.close()
        limit = self._watch(job, started, meter, begun)
        status, fault = self._launcher.finish(started)
        used = meter.cpu_s()
        if meter.ran_out_of_memory():
            limit = "memory"
        elif used > job.cpu_s:
            limit = "cpu"
        return Account(limit, status, used, time.monotonic() - begun, fault)

    def _watch(self, job: Job, started: Started, meter: Meter, begun: float) -> str:
        """Wait for the end, or bring it about: the limit that was passed, or nothing."""
        ended = os.pidfd_open(started.pid)
        try:
            poll = select.poll()
            poll.register(ended, select.POLLIN)
            poll.register(self._owner, select.POLLIN)
            while not (limit := self._passed(job, started, meter, begun)):
                events = dict(poll.poll(1000 * self._patience_s(job, meter, begun, started)))
                if ended in events:
                    return ""
                if events and self._is_to_end():
                    limit = "owner"
                    break
            self._launcher.kill(started)
            return limit
        finally:
            os.close(ended)

    def _is_to_end(self) -> bool:
        """The owner says so, or is gone: then :meth:`serve` finds out."""
        message = self._owner.recv(len(KILL), socket.MSG_PEEK)
        if message == KILL:
            self._owner.recv(len(KILL))
        return True

    def _passed(self, job: Job, started: Started, meter: Meter, begun: float) -> str:
        if meter.cpu_s(started.pid) > job.cpu_s:
            return "cpu"
        if time.monotonic() - begun > job.wall_s:
            return "wall"
        if meter.ran_out_of_memory():
            return "memory"
        if not self._group.caps_memory and meter.memory_bytes(started.pid) > job.memory_bytes:
            return "memory" if meter.proportional_bytes(started.pid) > job.memory_bytes else ""
        return ""

    def _patience_s(self, job: Job, meter: Meter, begun: float, started: Started) -> float:
        """Until the earliest moment at which a limit may be passed."""
        if not self._group.caps_memory:
            return _MEMORY_WAIT_S
        by_cpu = (job.cpu_s - meter.cpu_s(started.pid)) / _CORES
        by_wall = begun + job.wall_s - time.monotonic()
        return min(_MOST_WAIT_S, max(_LEAST_WAIT_S, min(by_cpu, by_wall)))
