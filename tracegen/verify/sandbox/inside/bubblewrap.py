"""Isolation by the program bubblewrap: one process of it per run, under the policy of the namespaces.

Less than that in three points, all of them bubblewrap's: files are limited in bytes and not in number, starting costs an
interpreter, and a program that exits with 128 + n cannot be told from one that signal n ended.
"""

import json
import os
import signal
import sys
from collections.abc import Mapping
from typing import NoReturn

from tracegen.verify.sandbox.inside import candidate, kernel, root
from tracegen.verify.sandbox.inside.job import Job
from tracegen.verify.sandbox.inside.launch import Policy, Started, end_what_is_left

_LIMITED = 'ulimit -p "$0" 2>/dev/null || ulimit -u "$0"; exec "$@"'
"""dash and bash name the limit differently. It is set inside, where the count is of the run's own user namespace."""
_NAMESPACES = (
    "--unshare-all",
    "--unshare-user",
    "--disable-userns",
    "--uid",
    str(root.BOX_ID),
    "--gid",
    str(root.BOX_ID),
)
_GUARDS = ("--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL", "--hostname", "box")
_PROGRAM = "/program"
_ELSEWHERE = "/mnt"


class Bubblewrap:
    """``path``: of the program. The supervisor's interpreter is what candidates run on."""

    def __init__(self, policy: Policy, environment: Mapping[str, str], path: str) -> None:
        self._policy, self._environment, self._path = policy, environment, path
        self._python = str(root.python_folder())
        is_walkable = all(folder.stat().st_mode & 1 for folder in root.python_folder().parents)
        self._shown_at = self._python if os.getuid() or is_walkable else _ELSEWHERE

    @property
    def slot_namespaces(self) -> int:
        return kernel.CLONE_NEWNS if self._shown_at == _ELSEWHERE else 0

    def enter(self) -> None:
        if self._shown_at == _ELSEWHERE:
            # An interpreter in root's home: nobody could not walk to it.
            kernel.mount("none", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
            kernel.bind(self._python, _ELSEWHERE, kernel.ATTR_RDONLY)
        kernel.set_dumpable(False)
        kernel.adopt_orphans()

    def start(self, job: Job) -> Started:
        report, reported = os.pipe()
        pid = os.fork()
        if pid:
            os.close(reported)
            return Started(pid, report)
        try:
            self._become(job, reported)
        except BaseException as error:  # noqa: BLE001 - this is a copy of the slot, and must not go on as one
            os.write(job.standard[2], str(error).encode())
            os._exit(1)

    def kill(self, started: Started) -> None:
        os.kill(started.pid, signal.SIGKILL)

    def finish(self, started: Started) -> tuple[int, str]:
        _, status = os.waitpid(started.pid, 0)
        # It leaves before those inside are gone.
        end_what_is_left()
        with open(started.report, "rb") as report:  # noqa: PTH123
            said: dict[str, int] = {}
            for line in report.read().splitlines():
                said |= json.loads(line)
        if os.WIFSIGNALED(status):
            return status, ""
        code = said.get("exit-code")
        if code is None:
            return status, "bubblewrap could not start the program"
        return (code - 128 if 128 < code <= 128 + signal.NSIG else code << 8), ""

    def _become(self, job: Job, reported: int) -> NoReturn:
        rules = _pipe_of(self._policy.filter)
        candidate.prefer_for_oom(self._policy.processes)
        if not os.getuid():
            root.become_nobody()
        kernel.die_with_parent()
        program = candidate.place(job, reported, rules)
        candidate.limit(job, self._policy.memory_is_capped, counts_processes=False)
        for descriptor in (program, reported, rules):
            os.set_inheritable(descriptor, True)
        arguments = [
            self._path, *_NAMESPACES, *_GUARDS, *self._view(job),
            "--perms", "0555", "--ro-bind-data", str(program), _PROGRAM, "--remount-ro", "/",
            "--seccomp", str(rules), "--json-status-fd", str(reported), "--chdir", root.TEMPORARY,
            "/bin/sh", "-c", _LIMITED, str(job.processes + 2), *_command(job),
        ]  # fmt: skip
        os.execve(self._path, arguments, {})  # noqa: S606

    def _view(self, job: Job) -> list[str]:
        words: list[str] = []
        for folder in root.shown_folders():
            words += ["--ro-bind", self._shown_at if folder == self._python else folder, folder]
        for name in root.SYSTEM_FILES:
            words += ["--ro-bind-try", name, name]
        for name in root.DEVICES:
            words += ["--dev-bind", name, name]
        for name, target in {**root.system_links(), **root.LINKS}.items():
            words += ["--symlink", target, name]
        for name, value in self._environment.items():
            words += ["--setenv", name, value]
        return [*words, "--proc", "/proc", "--size", str(job.file_bytes), "--perms", "1777", "--tmpfs", root.TEMPORARY]


def _command(job: Job) -> tuple[str, ...]:
    if not job.arguments:
        return (sys.executable, "-s", "-S", "-P", "-B", "-X", "utf8", _PROGRAM)
    return (_PROGRAM,) if job.is_binary else job.arguments


def _pipe_of(data: bytes) -> int:
    """To read from: short enough for a pipe to hold."""
    end, written = os.pipe()
    os.write(written, data)
    os.close(written)
    return end
