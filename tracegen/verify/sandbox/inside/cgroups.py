"""Control groups where they may be written: version 1 or 2, or none. A slot stays in one group; its runs inherit it.

So a run costs no move into a group, which takes a lock over all processes of the machine.
"""

import errno
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_V1 = ("memory", "pids", "cpuacct")
_PREFIX = "tracegen-"
_REMOVAL_S = 1.0


@dataclass(slots=True)
class Group:
    """One slot's, in up to three hierarchies. Files are opened before the slot loses sight of them."""

    folders: dict[str, Path] = field(default_factory=dict)
    """By controller; in version 2 they are one."""
    version: int = 0
    files: dict[str, int] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)

    @property
    def caps_memory(self) -> bool:
        return "memory" in self.folders

    def enter(self) -> None:
        """Move this process in, and open what a slot will read and write."""
        for folder in set(self.folders.values()):
            (folder / "cgroup.procs").write_text("0")
        for name, (controller, file) in _FILES[self.version].items():
            if controller in self.folders:
                with suppress(FileNotFoundError):
                    self.files[name] = os.open(
                        self.folders[controller] / file, os.O_RDWR if name in _SET else os.O_RDONLY
                    )

    def limit(self, memory_bytes: int, processes: int) -> None:
        for name, value in {"memory": memory_bytes, "pids": processes, "swap": 0}.items():
            if name in self.files and self.limits.get(name) != value:
                _write(self.files[name], str(value).encode())
                self.limits[name] = value

    def cpu_s(self) -> float | None:
        """Used by all that ever ran in it; None where the kernel does not say."""
        text = self._read("cpu")
        if self.version == 1:
            return int(text) / 1e9 if text else None
        return int(_field(text, "usage_usec")) / 1e6 if text else None

    def kills(self) -> int:
        """How many processes were killed because memory ran out."""
        return int(_field(self._read("oom"), "oom_kill"))

    def remove(self) -> None:
        """Its processes are dead, but may take a moment to be gone."""
        deadline = time.monotonic() + _REMOVAL_S
        for folder in set(self.folders.values()):
            while folder.exists() and time.monotonic() < deadline:
                try:
                    folder.rmdir()
                except OSError:
                    time.sleep(0.005)

    def _read(self, name: str) -> str:
        return os.pread(self.files[name], 4096, 0).decode() if name in self.files else ""


_FILES: Mapping[int, Mapping[str, tuple[str, str]]] = {
    0: {},
    1: {
        "memory": ("memory", "memory.limit_in_bytes"),
        "oom": ("memory", "memory.oom_control"),
        "pids": ("pids", "pids.max"),
        "cpu": ("cpuacct", "cpuacct.usage"),
    },
    2: {
        "memory": ("memory", "memory.max"),
        "swap": ("memory", "memory.swap.max"),
        "oom": ("memory", "memory.events"),
        "pids": ("pids", "pids.max"),
        "cpu": ("pids", "cpu.stat"),
    },
}
_SET = ("memory", "pids", "swap")


class Groups:
    """Where the groups of one supervisor are made."""

    def __init__(self) -> None:
        self._version, self._parents = _writable_parents()
        self._made = 0
        self._sweep()
        if not self._can_be_entered():
            self._parents = {}

    def make(self) -> Group:
        """A new group, in every hierarchy that lets us."""
        self._made += 1
        folders = {}
        for controller, parent in self._parents.items():
            folder = parent / f"{_PREFIX}{os.getpid()}-{self._made}"
            with suppress(OSError):
                folder.mkdir(exist_ok=True)
                folders[controller] = folder
        return Group(folders, self._version)

    def _can_be_entered(self) -> bool:
        """A folder that we may make may still be one that we may not move a process into."""
        group = self.make()
        pid = os.fork()
        if not pid:
            with suppress(OSError):
                group.enter()
                os._exit(0)
            os._exit(1)
        _, status = os.waitpid(pid, 0)
        group.remove()
        return status == 0

    def _sweep(self) -> None:
        """Groups of supervisors that were killed."""
        for folder in {f for parent in self._parents.values() for f in parent.glob(_PREFIX + "*-*")}:
            if not Path("/proc", folder.name.split("-")[1]).exists():
                with suppress(OSError):
                    folder.rmdir()


def _writable_parents() -> tuple[int, dict[str, Path]]:
    ours = _our_paths()
    first = {name: folder for name in _V1 if (folder := ours.get(name)) and os.access(folder, os.W_OK)}
    if first:
        return 1, first
    unified = ours.get("")
    if unified is not None:
        for folder in (unified, unified.parent):
            if _delegates(folder):
                return 2, {"memory": folder, "pids": folder}
    return 0, {}


def _delegates(folder: Path) -> bool:
    """Whether groups made in this folder may limit memory and processes."""
    control = folder / "cgroup.subtree_control"
    try:
        if not {"memory", "pids"} <= set(control.read_text().split()):
            control.write_text("+memory +pids")
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def _our_paths() -> dict[str, Path]:
    """The folder of our own group, by controller; the unified hierarchy is ''."""
    mounts = _mounts()
    found = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            if controller in mounts:
                top, shown = mounts[controller]
                inside = path.removeprefix(top) if top != "/" else path
                found[controller] = Path(shown + inside)
    return {name: folder for name, folder in found.items() if folder.is_dir()}


def _mounts() -> dict[str, tuple[str, str]]:
    """Root and mount point of each hierarchy, by controller."""
    found = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, after = line.split(" - ", 1)
        _, _, _, top, shown, *_ = before.split()
        kind, _, options = after.split()[:3]
        if kind == "cgroup2":
            found[""] = (top, shown)
        elif kind == "cgroup":
            found.update(dict.fromkeys(set(options.split(",")) & set(_V1), (top, shown)))
    return found


def _write(descriptor: int, value: bytes) -> None:
    """A memory limit is refused while more is in use, as for a moment after a run that used much. Raises OSError."""
    deadline = time.monotonic() + _REMOVAL_S
    while True:
        try:
            os.pwrite(descriptor, value, 0)
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return


def _field(text: str, name: str) -> str:
    for line in text.splitlines():
        if line.startswith(name + " "):
            return line.split()[1]
    return "0"
