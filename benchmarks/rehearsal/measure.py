"""Runs a rehearsal and measures it from outside: wall time of each phase, memory of each process, objects, bytes, rows.

::

    python benchmarks/rehearsal/measure.py jobs/recipes/rehearsal-r1-800k.yaml --store DIR [--divide 50] [--out FILE]

Prints one JSON document. ``--divide`` makes a smaller run of the same shape: sizes and quotas divided. Other options
go to ``tracegen run`` as they are, as ``--set where.slots=64`` and ``--cluster ray``. It knows the run
by its process tree, its progress lines and its objects; it imports nothing of tracegen. Linux only.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from pathlib import Path
from statistics import median
from typing import IO, Any

import yaml

MB = 1024**2
PHASES = ("generating", "building", "done")


class Processes:
    """Memory of a process and of all its descendants, sampled; by pid and name."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._names: dict[int, str] = {}
        self._series: dict[int, list[tuple[float, int, int]]] = defaultdict(list)
        self.total_peak_pss = 0

    def sample(self, at_s: float) -> None:
        total = 0
        for pid in _descendants(self._root):
            found = _memory(pid)
            if found is not None:
                self._names[pid] = _name(pid)  # Ray's workers get theirs when they become an actor
                self._series[pid].append((at_s, *found))
                total += found[1]
        self.total_peak_pss = max(self.total_peak_pss, total)

    def report(self, began: Mapping[str, float]) -> list[dict[str, Any]]:
        """Of each process that lived for some seconds: peaks, and RSS by phase and quarter of it, which shows growth.

        ``began``: second by phase, in order.
        """
        lines = []
        for pid, series in self._series.items():
            if len(series) < 3:
                continue
            lines.append(
                {
                    "process": self._names[pid],
                    "is_driver": pid == self._root,
                    "peak_rss_mb": round(max(rss for _, rss, _ in series) / MB),
                    "peak_pss_mb": round(max(pss for _, _, pss in series) / MB),
                    "rss_mb_by_phase": {
                        phase: _course([rss for at_s, rss, _ in series if start_s <= at_s < end_s])
                        for (phase, start_s), end_s in zip(began.items(), [*began.values(), inf][1:], strict=True)
                    },
                }
            )
        return sorted(lines, key=lambda line: -line["peak_pss_mb"])


def _course(rss: Sequence[int]) -> str:
    """Medians of the quarters of a phase, and its peak."""
    if len(rss) < 4:
        return f"peak {max(rss, default=0) / MB:.0f}"
    quarters = [rss[len(rss) * n // 4 : len(rss) * (n + 1) // 4] for n in range(4)]
    medians = ", ".join(f"{median(quarter) / MB:.0f}" for quarter in quarters)
    return f"{medians}; peak {max(rss) / MB:.0f}"


class Progress:
    """When each phase began, from the run's own progress lines."""

    def __init__(self, lines: IO[str], started_s: float) -> None:
        self.began: dict[str, float] = {}
        self.last = ""
        self._started_s = started_s
        self._lines = lines
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self._lines:
            self.last = line.rstrip()
            sys.stderr.write(line)
            for phase in PHASES:
                if f"] {phase}:" in line:
                    self.began.setdefault(phase, time.monotonic() - self._started_s)

    def wait(self) -> None:
        self._thread.join(timeout=10)

    def phases(self, wall_s: float) -> dict[str, float]:
        """Seconds: until the first attempt can go out, of the run proper with its settling, of the build."""
        generating = self.began.get("generating", wall_s)
        building = self.began.get("building", wall_s)
        done = self.began.get("done", wall_s)
        return {
            "plan_s": round(generating, 1),
            "generate_and_settle_s": round(building - generating, 1),
            "build_s": round(done - building, 1),
            "wall_s": round(wall_s, 1),
        }


def main(arguments: Sequence[str]) -> int:
    given = _parse(arguments)
    given.store.mkdir(parents=True, exist_ok=True)
    recipe = _smaller(given.recipe, given.divide, given.store)
    command = [sys.executable, "-m", "tracegen", "run", str(recipe), "--store", str(given.store), *given.rest]
    started_s = time.monotonic()
    cpu_before = os.times()
    run = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    progress, processes = Progress(_pipe(run.stderr), started_s), Processes(run.pid)
    while run.poll() is None:
        processes.sample(time.monotonic() - started_s)
        time.sleep(given.every_s)
    wall_s = time.monotonic() - started_s
    progress.wait()
    cpu_after = os.times()
    said = _pipe(run.stdout).read()
    report = {
        "command": ["python", *command[1:]],
        "exit_code": run.returncode,
        **progress.phases(wall_s),
        "cpu_s": round(_children_s(cpu_after) - _children_s(cpu_before), 1),
        "cpus": os.cpu_count(),
        "total_peak_pss_mb": round(processes.total_peak_pss / MB),
        "processes": processes.report({"planning": 0.0, **progress.began}),
        "objects": _objects(given.store),
        **_rows(given.store, said),
        "last_line": progress.last,
    }
    text = json.dumps(report, indent=2)
    sys.stdout.write(text + "\n")
    if given.out:
        given.out.write_text(text + "\n", encoding="utf-8")
    return run.returncode


def _children_s(times: os.times_result) -> float:
    return times.children_user + times.children_system


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run a rehearsal and measure it.")
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--store", type=Path, required=True, help="an empty local folder")
    parser.add_argument("--divide", type=int, default=1, help="sizes and quotas divided by this")
    parser.add_argument("--every-s", type=float, default=1.0, help="seconds between samples of memory")
    parser.add_argument("--out", type=Path, help="write the JSON here, too")
    given, rest = parser.parse_known_args(arguments)
    given.rest = rest
    return given


def _smaller(path: Path, divide: int, folder: Path) -> Path:
    if divide == 1:
        return path
    recipe = yaml.safe_load(path.read_text(encoding="utf-8"))
    recipe["name"] = f"{recipe['name']}-{divide}th"
    for source in recipe["prompts"]:
        source["size"] = -(-source["size"] // divide)
    recipe["rejection"]["quotas"] = {name: -(-n // divide) for name, n in recipe["rejection"]["quotas"].items()}
    smaller = folder / f"{recipe['name']}.yaml"
    smaller.write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
    return smaller


def _descendants(root: int) -> Iterator[int]:
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            parent = _parent(entry)
            if parent is not None:
                children[parent].append(int(entry.name))
    todo = [root]
    while todo:
        pid = todo.pop()
        yield pid
        todo.extend(children[pid])


def _parent(process: Path) -> int | None:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return None


def _memory(pid: int) -> tuple[int, int] | None:
    """RSS and PSS; the second shares out what several processes map."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return None
    found = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.startswith(("Rss:", "Pss:"))}
    return (found["Rss"], found["Pss"]) if len(found) == 2 else None


def _name(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return str(pid)
    return " ".join(Path(word).name if number == 0 else word for number, word in enumerate(words[:4]) if word)[:80]


def _objects(store: Path) -> dict[str, dict[str, int]]:
    """Count and bytes by kind of object: the first two folders under the run's."""
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for folder, _, names in os.walk(store):
        kind = "/".join(Path(folder).relative_to(store).parts[1:3]) or "run"
        kind = "corpus" if kind.startswith("corpus") else kind
        for name in names:
            counts[kind] += 1
            sizes[kind] += (Path(folder) / name).stat().st_size
    return {kind: {"objects": counts[kind], "bytes": sizes[kind]} for kind in sorted(counts)}


def _rows(store: Path, said: str) -> dict[str, Any]:
    manifests = sorted(store.glob("*/corpus/*/manifest.json"), key=lambda path: path.stat().st_mtime)
    if not manifests:
        return {"rows": 0, "said": said}
    manifest = json.loads(manifests[-1].read_text(encoding="utf-8"))
    return {
        "rows": manifest["rows"],
        "rows_by_domain": {name: found["samples"] for name, found in manifest["domains"].items()},
        "mean_tokens_by_domain": {
            name: round(found["completion_tokens"] / found["samples"], 1)
            for name, found in manifest["domains"].items()
            if found["samples"]
        },
        "attempts": sum(found["attempts"] for found in manifest["domains"].values()),
        "completion_tokens": manifest["completion_tokens"],
        "corpus_version": manifest["version"],
        "files": len(manifest["files"]),
    }


def _pipe(pipe: IO[str] | None) -> IO[str]:
    if pipe is None:
        raise OSError("the run has no pipe")
    return pipe


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
