"""What the processes of a slot use together. From its control group, or else added up from /proc now and then."""

import os
import resource
from pathlib import Path

from tracegen.verify.sandbox.inside.cgroups import Group

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Meter:
    """For one run. ``top``: its first process."""

    def __init__(self, group: Group) -> None:
        self._group = group
        self._cpu_s = self._counted()
        self._kills = group.kills()
        self._seen_s = 0.0

    def cpu_s(self, top: int | None = None) -> float:
        """Processor seconds so far. Once the run is over there is no ``top``."""
        used = self._counted() - self._cpu_s
        if self._group.cpu_s() is None and top is not None:
            used += sum(_cpu_s(pid) for pid in family(top))
        # What was killed before it was waited for is in no account but ours.
        self._seen_s = max(self._seen_s, used)
        return self._seen_s

    def memory_bytes(self, top: int) -> int:
        """Only where no control group limits it. Shared pages count by their share, once it matters."""
        return sum(_resident(pid) for pid in family(top))

    def proportional_bytes(self, top: int) -> int:
        return sum(_proportional(pid) for pid in family(top))

    def ran_out_of_memory(self) -> bool:
        return self._group.kills() > self._kills

    def _counted(self) -> float:
        counted = self._group.cpu_s()
        if counted is not None:
            return counted
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime


def family(top: int) -> list[int]:
    """It and its descendants, as far as /proc shows them."""
    children: dict[int, list[int]] = {}
    for name in filter(str.isdecimal, os.listdir("/proc")):  # noqa: PTH208
        words = _stat(int(name))
        if words:
            children.setdefault(int(words[1]), []).append(int(name))
    family = [top]
    for pid in family:
        family += children.get(pid, [])
    return family


def _cpu_s(pid: int) -> float:
    """Its own, and that of children it has waited for."""
    words = _stat(pid)
    return sum(map(int, words[11:15])) / _TICKS if words else 0.0


def _stat(pid: int) -> list[str]:
    """What follows the name, from the state on; nothing if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _resident(pid: int) -> int:
    words = _stat(pid)
    return int(words[21]) * _PAGE if words else 0


def _proportional(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
