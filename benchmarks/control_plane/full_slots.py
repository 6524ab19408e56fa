"""Are the slots kept full? One simulated endpoint, 64 slots, long-tailed latencies, 2,000 attempts, against the ideal.

The ideal is the same work fed to the same slots by nobody: a list schedule in virtual time, where a free slot takes
the next attempt at once. The run takes it in another order, so the ideal is also given as the mean over 20 orders.
Start-up (command to first request) and the end (last completion to last settled shard) are figures of their own.

``python benchmarks/control_plane/full_slots.py [--attempts 2000] [--json]``
"""

import argparse
import heapq
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.control_plane import rig

SLOTS = 64
TOKENS_PER_S = 1_200.0
HALF_RATE_AT = 64.0
LENGTHS = {"median": 400, "sigma": 0.8, "max": 8_192}
ORDERS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attempts", type=int, default=2_000)
    parser.add_argument("--cluster", choices=["ray", "local"], default="ray")
    parser.add_argument("--folder", help="work here and leave everything")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    title = rig.heading()
    with rig.folder(options.folder) as work:
        figures = _measure(work, options.attempts, options.cluster)
    rows = [[name, f"{value:,.3f}"] for name, value in figures.items()]
    rig.show(title, rig.table(["figure", "value"], rows), figures, as_json=options.json)


def _measure(work: Path, attempts: int, cluster: str) -> dict[str, float]:
    simulated = {"tokens_per_s": TOKENS_PER_S, "half_rate_at": HALF_RATE_AT, "lengths": LENGTHS}
    teacher = {"engine": "simulated", "model": "sim", "engines": {"simulated": simulated}}
    rig.write_prompts(work / "prompts.jsonl", attempts)
    asked = rig.recipe("full-slots", teacher, {"cluster": cluster, "slots": SLOTS}, max_attempts=1)
    measured = rig.run(work, asked, f"full-slots-{cluster}")
    rows = _completions(work / "runs" / f"full-slots-{cluster}")
    tokens = [row["completion_tokens"] for row in rows]
    first_s = min(row["started_at_s"] for row in rows)
    span_s = max(row["started_at_s"] + row["wall_s"] for row in rows) - first_s
    in_order = [row["completion_tokens"] for row in sorted(rows, key=lambda row: row["started_at_s"])]
    ideal_s = makespan(in_order)
    shuffled = statistics.mean(makespan(Random(seed).sample(tokens, len(tokens))) for seed in range(ORDERS))
    return {
        "attempts": len(rows),
        "ideal s, in the run's order": ideal_s,
        "ideal s, mean of random orders": shuffled,
        "first request to last completion s": span_s,
        "that / ideal in the run's order": span_s / ideal_s,
        "that / ideal of random orders": span_s / shuffled,
        "slots busy": sum(row["wall_s"] for row in rows) / SLOTS / span_s,
        "start-up s": measured.start_s,
        "last completion to last settled shard s": measured.steady_s - span_s,
        "whole command s": measured.command_s,
    }


def _completions(run: Path) -> list[dict[str, Any]]:
    columns = ["completion_tokens", "started_at_s", "wall_s"]
    objects = (run / "ledger" / "completions").rglob("*.parquet")
    return [row for path in objects for row in pq.read_table(path, columns=columns).to_pylist()]


def makespan(tokens: Sequence[int]) -> float:
    """Processor sharing in virtual time: a free slot takes the next attempt at once."""
    now_s, decoded, running = 0.0, 0.0, [float(size) for size in tokens[:SLOTS]]
    heapq.heapify(running)
    waiting = iter(tokens[SLOTS:])
    while running:
        rate = TOKENS_PER_S / (1 + len(running) / HALF_RATE_AT)
        ends = heapq.heappop(running)
        now_s += (ends - decoded) / rate
        decoded = ends
        following = next(waiting, None)
        if following is not None:
            heapq.heappush(running, decoded + following)
    return now_s


if __name__ == "__main__":
    main()
