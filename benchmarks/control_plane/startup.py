"""Seconds from the command to the first request of the simulated engine, on a Ray of its own and in one process.

Beside it what Ray alone takes: a program that starts it and hears from one empty actor. Rounds are interleaved.

``python benchmarks/control_plane/startup.py [--rounds 3] [--json]``
"""

import argparse
import os
import statistics
import sys
import time
from pathlib import Path
from subprocess import run

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.control_plane import rig

BARE = """
import os, time, ray
os.environ["RAY_AUTH_MODE"] = "disabled"
ray.init(address="local", include_dashboard=False, num_cpus=3, logging_level="ERROR", log_to_driver=False)
class Empty:
    def now(self): return time.time()
print(ray.get(ray.remote(Empty).remote().now.remote()))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--prompts", type=int, default=500)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    title = rig.heading()
    figures: dict[str, list[dict[str, float]]] = {"ray": [], "local": [], "Ray alone": []}
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
    if cluster == "Ray alone":
        began_s = time.time()
        told = run([sys.executable, "-c", BARE], capture_output=True, check=True, text=True).stdout
        return {"command to first request s": float(told) - began_s, "load": load}
    teacher = {"engine": "simulated", "model": "sim", "engines": {"simulated": {"instant": True}}}
    measured = rig.run(work, rig.recipe("start", teacher, {"cluster": cluster}), f"{cluster}-{number}")
    return {"command to first request s": measured.start_s, "load": load}


if __name__ == "__main__":
    main()
