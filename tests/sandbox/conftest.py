"""A sandbox of each isolation that this machine has, and a look at what runs leave behind."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.sandbox.programs import HELLO
from tracegen.errors import SandboxUnavailable
from tracegen.verify.sandbox.contract import Allowance, Isolation, Sandbox
from tracegen.verify.sandbox.opening import open_sandbox

SECRET = "the-owner-knows-this"


@pytest.fixture(scope="session", params=["namespaces", "bubblewrap"])
def shared(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    isolation: Isolation = request.param
    os.environ["AWS_SECRET_ACCESS_KEY"] = SECRET
    try:
        sandbox = open_sandbox(isolation)
    except SandboxUnavailable as error:
        pytest.skip(str(error))
    yield sandbox
    sandbox.close()
    del os.environ["AWS_SECRET_ACCESS_KEY"]
    assert not leftovers()


@pytest.fixture
def sandbox(shared: Sandbox) -> Iterator[Sandbox]:
    """Whatever the test did to it: it serves, and nothing but idle slots is left."""
    mounts, files = _mounts(), _files()
    yield shared
    within_a_second(lambda: not leftovers() and _mounts() == mounts and not _files() - files)
    assert shared.run(HELLO, b"", Allowance(cpu_s=5)).stdout == b"hello\n"


def within_a_second(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 1
    while not condition():
        assert time.monotonic() < deadline, f"left behind: {leftovers()}"
        time.sleep(0.02)


def leftovers() -> list[str]:
    """Processes below the slots, and whatever else is in the slots' control groups."""
    supervisors = [child for child in psutil.Process().children() if "supervisor" in " ".join(child.cmdline())]
    slots = [slot for supervisor in supervisors for slot in supervisor.children()]
    below = [str(process) for slot in slots for process in slot.children(recursive=True)]
    known = {slot.pid for slot in slots}
    grouped = {
        pid
        for supervisor in supervisors
        for tasks in group_folders(supervisor.pid)
        for pid in map(int, (tasks / "cgroup.procs").read_text().split())
    }
    return below + [f"in a group: {pid}" for pid in grouped - known]


def group_folders(supervisor: int) -> list[Path]:
    return [Path(folder) for folder, _, _ in os.walk("/sys/fs/cgroup") if f"/tracegen-{supervisor}-" in folder]


def _mounts() -> str:
    return Path("/proc/self/mounts").read_text()


def _files() -> set[Path]:
    """Of the folders that a program could have written to, had it got out."""
    return {path for folder in ("/tmp", "/dev/shm", "/var/tmp") for path in Path(folder).glob("escaped*")}
