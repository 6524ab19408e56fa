"""Builds the corpus of a finished run again and again, in whole and after a kill, and measures it from outside.

::

    python benchmarks/corpus/build.py RUN_FOLDER SCRATCH [--processes 1 2] [--kill-with 2]

``RUN_FOLDER`` is a run in a local store, as STORE/RUN; it is only read: its ledger is linked into ``SCRATCH``, which has
to be on the same disk, and one corpus at a time is written there. For each number of processes: wall time, MB/s of raw
text, memory of each process and its course, and a digest over all files of the corpus. Then a build is killed with
SIGKILL when half of its files are made, and begun again: which files were written again, and whether the digest is the
same. Prints one JSON document; exit code 1 where digests differ or a finished file was written again. Linux only.
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from benchmarks.rehearsal.measure import Processes

EVERY_S = 0.5


def main(arguments: Sequence[str]) -> int:
    given = _parse(arguments)
    bench = Bench(given.run_folder, given.scratch)
    builds = [bench.whole(processes) for processes in given.processes]
    killed = bench.killed(given.kill_with)
    digests = {build["digest"] for build in [*builds, killed["begun_again"]]}
    report = {"cpus": os.cpu_count(), "builds": builds, "killed": killed, "identical": len(digests) == 1}
    print(json.dumps(report, indent=2))
    return 0 if report["identical"] and not killed["written_again"] else 1


class Bench:
    """A run's ledger in a folder of its own, and builds in it."""

    def __init__(self, run_folder: Path, scratch: Path) -> None:
        self._store, self._run = scratch, run_folder.name
        self._folder = scratch / self._run
        for name in ("ledger", "prompts", "run.json"):
            _link(run_folder / name, self._folder / name)

    def whole(self, processes: int) -> dict[str, Any]:
        self._clear()
        return self._build(processes)

    def killed(self, processes: int) -> dict[str, Any]:
        self._clear()
        first = self._build(processes, lambda: self._made() and 2 * len(self._made()) >= self._files())
        before = {path: path.stat().st_ino for path in self._made()}
        again = self._build(processes)
        return {
            "files_when_killed": len(before),
            "exit_code": first["exit_code"],
            "wall_s_until_killed": first["wall_s"],
            "written_again": sum(path.stat().st_ino != inode for path, inode in before.items()),
            "begun_again": again,
        }

    def _build(self, processes: int, kill_when: Callable[[], object] = lambda: False) -> dict[str, Any]:
        command = [sys.executable, "-m", "tracegen", "build", self._run, "--store", str(self._store), "--json"]
        started_s, cpu = time.monotonic(), os.times()
        with subprocess.Popen([*command, "--processes", str(processes)], stdout=subprocess.PIPE, text=True) as building:
            memory = Processes(building.pid)
            while building.poll() is None:
                memory.sample(time.monotonic() - started_s)
                if kill_when():
                    building.send_signal(signal.SIGKILL)
                    building.wait()
                time.sleep(EVERY_S)
        wall_s, after = time.monotonic() - started_s, os.times()
        used = after.children_user + after.children_system - cpu.children_user - cpu.children_system
        return {
            "processes": processes,
            "exit_code": building.returncode,
            "wall_s": round(wall_s, 1),
            "cpu_s_of_those_waited_for": round(used, 1),
            "total_peak_pss_mb": round(memory.total_peak_pss / 1024**2),
            "memory": memory.report({"build": 0.0}),
            **self._corpus(wall_s),
        }

    def _corpus(self, wall_s: float) -> dict[str, Any]:
        manifests = [*self._folder.glob("corpus/*/manifest.json")]
        if not manifests:
            return {}
        files = sorted(path for path in manifests[0].parent.iterdir() if path.suffix == ".parquet")
        raw = sum(map(_raw_bytes, files))
        sizes = [path.stat().st_size for path in files]
        return {
            "rows": json.loads(manifests[0].read_text(encoding="utf-8"))["rows"],
            "files": len(files),
            "file_mb_least_and_most": [round(least_or_most / 1e6, 1) for least_or_most in (min(sizes), max(sizes))],
            "stored_gb": round(sum(sizes) / 1e9, 2),
            "raw_text_gb": round(raw / 1e9, 2),
            "raw_text_mb_per_s": round(raw / 1e6 / wall_s, 1),
            "digest": _digest(manifests[0].parent),
        }

    def _made(self) -> list[Path]:
        """Files whose record is written: those that a build need not write again."""
        records = self._folder.glob("building/*/*.json")
        return [self._folder / "corpus" / path.parent.name / path.stem for path in records]

    def _files(self) -> int:
        return int(self._made()[0].stem.rpartition("-")[2])

    def _clear(self) -> None:
        for name in ("corpus", "building"):
            shutil.rmtree(self._folder / name, ignore_errors=True)


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, copy_function=os.link, dirs_exist_ok=False)
    else:
        os.link(source, target)


def _raw_bytes(file: Path) -> int:
    """Uncompressed bytes of the column that has the text."""
    metadata = pq.read_metadata(file)
    columns = [
        metadata.row_group(group).column(n)
        for group in range(metadata.num_row_groups)
        for n in range(metadata.num_columns)
    ]
    return sum(one.total_uncompressed_size for one in columns if one.path_in_schema.endswith("content"))


def _digest(folder: Path) -> str:
    """Over names and bytes of everything in it."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            digest.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Build a corpus, in whole and after a kill, and measure it.")
    parser.add_argument("run_folder", type=Path)
    parser.add_argument("scratch", type=Path, help="a folder on the same disk, for the links and the corpus")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--kill-with", type=int, default=2, help="processes of the build that is killed")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
