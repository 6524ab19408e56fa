"""Attempts a second end to end: schedule, ask, record, judge, settle, over Ray, with an engine that needs no time.

``python benchmarks/control_plane/attempts.py [--engine openai] [--recorders 1,2,4] [--json]``
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.control_plane import rig
from benchmarks.control_plane.endpoint import serving


def main() -> None:
    options = _options()
    title = rig.heading()
    with rig.folder(options.folder) as work, _teacher(options.engine) as teacher:
        rig.write_prompts(work / "prompts.jsonl", options.prompts)
        runs = {n: _run(work, teacher, options, n) for n in options.recorders}
    rows = [_row(recorders, measured) for recorders, measured in runs.items()]
    header = [
        "recorders",
        "attempts",
        "attempts/s",
        "start s",
        "steady s",
        "command s",
        "CPU s per 1k",
        "CPU s by part",
    ]
    figures = {recorders: measured.to_json() for recorders, measured in runs.items()}
    rig.show(title, rig.table(header, rows), figures, as_json=options.json)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=["simulated", "openai"], default="simulated")
    parser.add_argument("--prompts", type=int, default=20_000)
    parser.add_argument("--slots", type=int, default=512)
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--recorders", type=lambda text: [int(n) for n in text.split(",")], default=[1])
    parser.add_argument("--cluster", choices=["ray", "local"], default="ray")
    parser.add_argument("--folder", help="work here and leave everything")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


@contextmanager
def _teacher(engine: str) -> Iterator[dict[str, Any]]:
    if engine == "simulated":
        yield {"engine": "simulated", "model": "sim", "engines": {"simulated": {"instant": True}}}
        return
    with serving() as url:
        yield {"engine": "openai", "model": "instant", "engines": {"openai": {"base_url": url}}}


def _run(work: Path, teacher: dict[str, Any], options: argparse.Namespace, recorders: int) -> rig.Measured:
    where = {
        "cluster": options.cluster,
        "slots": options.slots,
        "replicas": options.replicas,
        "recorders": recorders,
    }
    return rig.run(work, rig.recipe("attempts", teacher, where), f"{options.engine}-{options.cluster}-{recorders}")


def _row(recorders: int, measured: rig.Measured) -> list[object]:
    kinds = measured.usage.by_kind()
    cpu_s = sum(cpu for cpu, _ in kinds.values())
    return [
        recorders,
        measured.attempts,
        f"{measured.attempts_per_s:,.0f}",
        f"{measured.start_s:.1f}",
        f"{measured.steady_s:.1f}",
        f"{measured.command_s:.1f}",
        f"{cpu_s / measured.attempts * 1000:.2f}",
        ", ".join(f"{name} {cpu:.1f} s {peak:.0f} MB" for name, (cpu, peak) in kinds.items()),
    ]


if __name__ == "__main__":
    main()
