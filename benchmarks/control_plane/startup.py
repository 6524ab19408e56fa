"""Seconds from the command to the first request of the simulated engine, on a Ray of its own and in one process.

``python benchmarks/control_plane/startup.py [--rounds 3] [--json]``
"""

import argparse
import os
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.control_plane import rig


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--prompts", type=int, default=500)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    title = rig.heading()
    figures: dict[str, list[dict[str, float]]] = {"ray": [], "local": []}
    with rig.folder(None) as work:
        rig.write_prompts(work / "prompts.jsonl", options.prompts)
        for number in range(options.rounds):
            for cluster, found in figures.items():  # interleaved: the machine may be busy
                found.append(_start(work, cluster, number))
    rows = [
        [cluster, *(f"{statistics.median(one[name] for one in found):.2f}" for name in found[0])]
        for cluster, found in figures.items()
    ]
    header = ["cluster", *figures["ray"][0]]
    rig.show(title, rig.table(header, rows), figures, as_json=options.json)


def _start(work: Path, cluster: str, number: int) -> dict[str, float]:
    load = os.getloadavg()[0]
    teacher = {"engine": "simulated", "model": "sim", "engines": {"simulated": {"instant": True}}}
    measured = rig.run(work, rig.recipe("start", teacher, {"cluster": cluster}), f"{cluster}-{number}")
    cpu_s = sum(cpu for cpu, _ in measured.usage.by_kind().values())
    return {"command to first request s": measured.start_s, "CPU s of the whole command": cpu_s, "load": load}


if __name__ == "__main__":
    main()
