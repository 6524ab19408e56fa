"""The root folder that a slot's candidates see: programs and libraries, read-only, and nothing else of this machine."""

import os
import sys
from contextlib import suppress
from pathlib import Path

from tracegen.verify.sandbox.inside import kernel

BOX_ID = 65534
"""User and group of a candidate, inside; outside too, where the supervisor was started by root."""
TEMPORARY = "/tmp"  # noqa: S108 - of a run: its own
SYSTEM_FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/localtime")
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
LINKS = {
    "/dev/shm": TEMPORARY,  # noqa: S108
    "/dev/fd": "/proc/self/fd",
    "/dev/stdin": "/proc/self/fd/0",
    "/dev/stdout": "/proc/self/fd/1",
    "/dev/stderr": "/proc/self/fd/2",
    "/var/tmp": TEMPORARY,  # noqa: S108
}
TEXTS = {
    "/etc/passwd": f"box:x:{BOX_ID}:{BOX_ID}::{TEMPORARY}:/bin/sh\n",
    "/etc/group": f"box:x:{BOX_ID}:\n",
    "/etc/alternatives/.keep": "",
}
_OLD = "/.old"


def python_folder() -> Path:
    """Where this interpreter and its standard library are. Not a virtual environment's folder."""
    return Path(sys.base_prefix).resolve()


def shown_folders() -> list[str]:
    """Real folders that are bound; of the system's, those that are not links."""
    folders = [folder for folder in SYSTEM_FOLDERS if Path(folder).is_dir() and not Path(folder).is_symlink()]
    python = str(python_folder())
    return folders if python.startswith("/usr") else [*folders, python]


def system_links() -> dict[str, str]:
    """/bin to usr/bin, and so on."""
    return {folder: str(Path(folder).readlink()) for folder in SYSTEM_FOLDERS if Path(folder).is_symlink()}


def build() -> None:
    """Make it and enter it. Needs a mount namespace of our own. Raises OSError."""
    folders, links = shown_folders(), {**system_links(), **LINKS}
    kernel.mount("none", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("tmpfs", TEMPORARY, "tmpfs", kernel.MS_NOSUID, "size=1m,nr_inodes=400,mode=755")
    os.mkdir(TEMPORARY + _OLD)  # noqa: PTH102
    kernel.pivot_root(TEMPORARY, TEMPORARY + _OLD)
    os.chdir("/")
    _fill(folders, links)
    kernel.unmount(_OLD)
    os.rmdir(_OLD)  # noqa: PTH106
    kernel.mount("none", "/", flags=kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY | kernel.MS_NOSUID)


def become_nobody() -> None:
    """Root counts no processes against a limit, and may read what nobody else may."""
    os.setgroups([])
    os.setresgid(BOX_ID, BOX_ID, BOX_ID)
    os.setresuid(BOX_ID, BOX_ID, BOX_ID)


def mount_processes() -> None:
    """A /proc of our own process namespace. Where the kernel refuses (containers that mask theirs), there is none."""
    with suppress(OSError):
        kernel.mount("proc", "/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)


def _fill(folders: list[str], links: dict[str, str]) -> None:
    for folder in folders:
        Path(folder).mkdir(parents=True, exist_ok=True)
        kernel.bind(_OLD + folder, folder, kernel.ATTR_RDONLY | kernel.ATTR_NOSUID | kernel.ATTR_NODEV)
    for name, text in TEXTS.items():
        _file(name).write_text(text)
    for name in filter(os.path.exists, (_OLD + file for file in (*SYSTEM_FILES, *DEVICES))):
        shown = _file(name.removeprefix(_OLD))
        shown.touch()
        kernel.bind(name, str(shown), kernel.ATTR_RDONLY)
    for name, target in links.items():
        _file(name).symlink_to(target)
    Path(TEMPORARY).mkdir()
    Path("/proc").mkdir()
    mount_processes()


def _file(name: str) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
