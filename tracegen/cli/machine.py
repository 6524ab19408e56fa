"""What the machine is: interpreter, cores, memory, disk, GPUs, and what of the kernel confines a verifier process."""

import os
import platform
import shutil
import subprocess  # noqa: TID251  # nvidia-smi can hang on a broken driver; as a process it can be given up
import sys
from importlib.util import find_spec
from pathlib import Path

CGROUP_MEMORY = Path("/sys/fs/cgroup/memory.max")
USER_NAMESPACES = Path("/proc/sys/user/max_user_namespaces")
GPU_QUERY = ("nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader")


def machine(cards: list[str]) -> list[tuple[str, str]]:
    """Names and what was found."""
    disk = shutil.disk_usage(Path.cwd())
    return [
        ("python", f"{platform.python_version()} at {sys.executable}"),
        ("system", f"{platform.system()} {platform.release()} {platform.machine()}"),
        ("cores", f"{usable_cores()} of {os.cpu_count()}"),
        ("memory", _gib(usable_memory_bytes())),
        ("disk", f"{_gib(disk.free)} free of {_gib(disk.total)} here"),
        ("gpus", "; ".join(cards) or "none found"),
        ("confinement", ", ".join(confinement()) or "none: verifiers need Linux"),
    ]


def usable_cores() -> int:
    """Cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def usable_memory_bytes() -> int:
    """The machine's memory, or the container's where that is less."""
    import psutil

    total = int(psutil.virtual_memory().total)
    limit = CGROUP_MEMORY.read_text().strip() if CGROUP_MEMORY.exists() else "max"
    return min(total, int(limit)) if limit.isdigit() else total


def gpus() -> list[str]:
    """One line a GPU; none where there is no driver, or none that answers."""
    if shutil.which(GPU_QUERY[0]) is None:
        return []
    try:
        answer = subprocess.run(GPU_QUERY, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return []
    return [" ".join(line.split()) for line in answer.stdout.splitlines() if line.strip()]


def confinement() -> list[str]:
    """What can hold a runaway verifier process."""
    found = ["resource limits"] if find_spec("resource") else []
    if USER_NAMESPACES.exists() and int(USER_NAMESPACES.read_text()) > 0:
        found.append("user namespaces")
    if Path("/sys/fs/cgroup/cgroup.controllers").exists():
        found.append("cgroup v2" if os.access("/sys/fs/cgroup", os.W_OK) else "cgroup v2 (read-only)")
    return found


def _gib(size: int) -> str:
    return f"{size / 1024**3:.1f} GiB"
