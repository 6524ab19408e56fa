"""What the control-plane benchmarks share: arithmetic prompts, a recipe, a run in a process of its own, its figures.

The run is the command line's own (``tracegen run``); times are read from its ledger, CPU seconds from its processes.
"""

import json
import os
import platform
import shlex
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from subprocess import PIPE, Popen
from typing import Any

import psutil
import pyarrow.parquet as pq

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLE_EVERY_S = 0.25

Recipe = dict[str, Any]


def write_prompts(path: Path, number: int, seed: int = 0) -> None:
    """Arithmetic with its answers, as JSON Lines; every text differs."""
    random = Random(seed)
    with path.open("w", encoding="utf-8") as lines:
        for row in range(number):
            a, b, c = (random.randint(10, 9_999) for _ in range(3))
            text = f"Problem {row}: what is {a} * {b} + {c}?"
            lines.write(json.dumps({"prompt": text, "answer": str(a * b + c)}) + "\n")


def recipe(name: str, teacher: Recipe, where: Recipe, *, max_attempts: int = 4) -> Recipe:
    """A recipe over ``prompts.jsonl``."""
    return {
        "name": name,
        "prompts": [{"kind": "jsonl", "name": "sums", "domain": "math", "path": "prompts.jsonl"}],
        "teacher": {"prefill": "<think>\n", **teacher},
        "rejection": {"keep": 1, "max_attempts": max_attempts},
        "where": where,
    }


@dataclass(slots=True)
class Usage:
    """What a process and all that it started have used, sampled while they lived."""

    cpu_s: dict[int, float] = field(default_factory=dict)
    rss_bytes: dict[int, int] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)

    def look(self, root: psutil.Process) -> None:
        for process in (root, *root.children(recursive=True)):
            try:
                times, memory = process.cpu_times(), process.memory_info().rss
                # A worker of Ray's is idle first, then an actor, and idle again when it ends.
                if self.names.get(process.pid, _IDLE) in (_RAY, _IDLE):
                    self.names[process.pid] = _kind(process)
            except psutil.Error:
                continue
            self.cpu_s[process.pid] = times.user + times.system
            self.rss_bytes[process.pid] = max(memory, self.rss_bytes.get(process.pid, 0))

    def by_kind(self) -> dict[str, tuple[float, float]]:
        """CPU seconds (all) and peak resident megabytes (the largest) of each kind of process."""
        found: dict[str, tuple[float, float]] = defaultdict(lambda: (0.0, 0.0))
        for pid, name in self.names.items():
            cpu_s, peak = found[name]
            found[name] = (cpu_s + self.cpu_s[pid], max(peak, self.rss_bytes[pid] / 1e6))
        return dict(sorted(found.items(), key=lambda item: -item[1][0]))


_RAY, _IDLE = "ray itself", "ray::IDLE"


def _kind(process: psutil.Process) -> str:
    words = process.cmdline()
    line = " ".join(words)
    if words and words[0].startswith("ray::"):
        return words[0].partition("(")[0].partition(".")[0].split()[0]
    if "tracegen.verify.worker" in line:
        return "verifier process"
    if "-m tracegen" in line:
        return "driver"
    return _RAY


@dataclass(frozen=True, slots=True)
class Measured:
    """One run."""

    attempts: int
    command_s: float
    """From the command to its end."""
    start_s: float
    """From the command to the first request."""
    steady_s: float
    """From the first request to the last settled shard."""
    usage: Usage

    @property
    def attempts_per_s(self) -> float:
        return self.attempts / self.steady_s

    def to_json(self) -> dict[str, Any]:
        kinds = {name: {"cpu_s": cpu, "peak_rss_mb": peak} for name, (cpu, peak) in self.usage.by_kind().items()}
        figures = {name: value for name, value in asdict(self).items() if name != "usage"}
        return figures | {"attempts_per_s": self.attempts_per_s, "processes": kinds}


@contextmanager
def folder(keep: str | None) -> Iterator[Path]:
    """A folder to work in; a temporary one unless a place is named."""
    if keep:
        Path(keep).mkdir(parents=True, exist_ok=True)
        yield Path(keep).resolve()
        return
    with tempfile.TemporaryDirectory(prefix="tracegen-bench-") as made:
        yield Path(made)


def run(work: Path, asked: Recipe, run_id: str) -> Measured:
    """Carry the recipe out with the command line, without a build. Raises RuntimeError when it fails."""
    path = work / f"{run_id}.yaml"
    path.write_text(json.dumps(asked))  # JSON is YAML
    store = work / "runs"
    command = [sys.executable, "-m", "tracegen", "run", str(path), "--store", str(store)]
    command += ["--run-id", run_id, "--no-build", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    began_s = time.time()
    usage = Usage()
    with Popen(command, cwd=work, env=environment, stdout=PIPE, stderr=PIPE, text=True) as process:
        done = threading.Event()
        sampler = threading.Thread(target=_sample, args=(process.pid, usage, done))
        sampler.start()
        _, said = process.communicate()
        done.set()
        sampler.join()
    ended_s = time.time()
    if process.returncode:
        raise RuntimeError(said[-2_000:])
    attempts, first_s, last_s = _ledger(store / run_id)
    return Measured(attempts, ended_s - began_s, first_s - began_s, last_s - first_s, usage)


def _sample(pid: int, usage: Usage, done: threading.Event) -> None:
    try:
        root = psutil.Process(pid)
        while not done.wait(SAMPLE_EVERY_S):
            usage.look(root)
    except psutil.NoSuchProcess:
        return


def _ledger(run: Path) -> tuple[int, float, float]:
    """Completions, time of the first request, time at which the last shard was settled."""
    objects = list((run / "ledger" / "completions").rglob("*.parquet"))
    rows, first_s = 0, float("inf")
    for path in objects:
        started = pq.read_table(path, columns=["started_at_s"]).column(0).to_pylist()
        rows += len(started)
        first_s = min(first_s, *started) if started else first_s
    return rows, first_s, max(path.stat().st_mtime for path in objects)


def heading() -> dict[str, Any]:
    """Command, machine and date, for the record."""
    return {
        "command": shlex.join(["python", *sys.orig_argv[1:]]),
        "machine": f"{os.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB, {platform.system()}",
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
        "at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def show(title: dict[str, Any], shown: str, figures: object, *, as_json: bool) -> None:
    """Print the figures for a person or for a program."""
    if as_json:
        print(json.dumps({**title, "figures": figures}, indent=1))
        return
    print(*(f"{name}: {value}" for name, value in title.items()), "", shown, sep="\n")
