"""The supervisor: a small process beside the owner that makes slots for it. It holds nothing secret, and no threads.

Started as a program of its own, so that nothing of the owner's memory, modules or threads is in any fork of it. When the
owner is gone, however it went, the control socket ends, and everything with it.
"""

import fcntl
import gc
import importlib
import os
import resource
import select
import shutil
import signal
import socket
import sys
import tempfile
from contextlib import suppress
from typing import NoReturn

from tracegen.verify.sandbox.inside import candidate, filter, kernel  # noqa: A004 - seccomp's word
from tracegen.verify.sandbox.inside.bubblewrap import Bubblewrap
from tracegen.verify.sandbox.inside.cgroups import Group, Groups
from tracegen.verify.sandbox.inside.job import Account, send_account
from tracegen.verify.sandbox.inside.launch import Launcher, Policy
from tracegen.verify.sandbox.inside.main import run_as_main
from tracegen.verify.sandbox.inside.meter import family
from tracegen.verify.sandbox.inside.namespaces import Namespaces
from tracegen.verify.sandbox.inside.plain import Plain
from tracegen.verify.sandbox.inside.slot import Slot

WARM = (
    "abc", "array", "ast", "bisect", "cmath", "collections", "collections.abc", "contextlib", "copy", "dataclasses",
    "datetime", "decimal", "enum", "fractions", "functools", "heapq", "inspect", "io", "itertools", "json", "math",
    "numbers", "operator", "queue", "random", "re", "statistics", "string", "struct", "textwrap", "threading", "time",
    "traceback", "types", "typing", "unicodedata",
)  # fmt: skip
"""Imported before the first candidate, so that none has to wait for them."""
_RAISED = (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC)


def main() -> NoReturn:
    """Serve until the owner is gone. In a candidate's process, become the candidate."""
    try:
        control = _settle()
        Supervisor(control, sys.argv[1]).serve()
    except candidate.BecomeProgram as program:
        source = program.source
    else:
        os._exit(0)
    run_as_main(source)


class Supervisor:
    """One owner's. ``isolation``: ``namespaces``, ``none``, or the path of bubblewrap."""

    def __init__(self, control: socket.socket, isolation: str) -> None:
        self._control = control
        self._groups = Groups()
        self._processes = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
        self._isolation = isolation
        self._folder = tempfile.mkdtemp(prefix="tracegen-runs-") if isolation == "none" else ""
        self._slots: dict[int, tuple[int, Group]] = {}
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)

    def serve(self) -> None:
        """Each message brings the far end of a new slot's socket."""
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor != self._control.fileno():
                    self._bury(descriptor)
                elif not self._answer():
                    self._end()
                    return

    def _answer(self) -> bool:
        message, descriptors, _, _ = socket.recv_fds(self._control, 16, 1)
        if message:
            owner = socket.socket(fileno=descriptors[0])
            self._add(owner)
            owner.close()
        return bool(message)

    def _add(self, owner: socket.socket) -> None:
        group = self._groups.make()
        launcher = self._launcher(group)
        try:
            pid = kernel.clone(launcher.slot_namespaces)
        except OSError as error:
            send_account(owner, Account(fault=str(error)))
            group.remove()
            return
        if not pid:
            self._become_slot(owner, launcher, group)
        watched = os.pidfd_open(pid)
        self._slots[watched] = (pid, group)
        self._poll.register(watched, select.POLLIN)

    def _become_slot(self, owner: socket.socket, launcher: Launcher, group: Group) -> NoReturn:
        """In a candidate's process this raises BecomeProgram."""
        try:
            self._control.close()
            for watched in self._slots:
                os.close(watched)
            group.enter()
            launcher.enter()
            kernel.die_with_parent()
            Slot(owner, launcher, group).serve()
        except candidate.BecomeProgram:
            raise
        except BaseException as error:  # noqa: BLE001 - this is a copy of the supervisor, and must not go on as one
            with suppress(OSError):
                send_account(owner, Account(fault=str(error)))
        os._exit(1)

    def _launcher(self, group: Group) -> Launcher:
        policy = Policy(self._processes, filter.instructions(kernel.MACHINE), group.caps_memory)
        environment = dict(os.environ)
        match self._isolation:
            case "namespaces":
                return Namespaces(policy, environment)
            case "none":
                return Plain(policy, environment, self._folder)
            case path:
                return Bubblewrap(policy, environment, path)

    def _bury(self, watched: int) -> None:
        pid, group = self._slots.pop(watched)
        self._poll.unregister(watched)
        os.close(watched)
        os.waitpid(pid, 0)
        group.remove()

    def _end(self) -> None:
        for pid, _ in self._slots.values():
            # Namespaces would end with their slot; what has none must be looked for.
            for member in family(pid):
                with suppress(ProcessLookupError):
                    os.kill(member, signal.SIGKILL)
        for watched in tuple(self._slots):
            self._bury(watched)
        if self._folder:
            # A slot that was ended in a run could not remove its own.
            shutil.rmtree(self._folder, ignore_errors=True)


def _settle() -> socket.socket:
    """The state that all forks start from: nothing open but the control socket, limits raised, memory frozen."""
    control = socket.socket(fileno=fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, candidate.FIRST_OWN))
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(candidate.FIRST_OWN):
        os.dup2(nothing, descriptor)
    # Process 1 of a namespace is deaf to what it has no handler for.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    for limit in _RAISED:
        hard = resource.getrlimit(limit)[1]
        resource.setrlimit(limit, (hard, hard))
    for module in WARM:
        importlib.import_module(module)
    _forget_ourselves()
    gc.collect()
    gc.freeze()
    return control


def _forget_ourselves() -> None:
    """A candidate finds the interpreter as it is after its start, and none of our modules."""
    del sys.path[0]
    for name in [name for name in sys.modules if name.partition(".")[0] == "tracegen"]:
        del sys.modules[name]
