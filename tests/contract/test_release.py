"""Replicas for which nothing is left give their GPUs back before the run ends."""

from pathlib import Path

from tests.simulated_run import order, recipe_file
from tracegen.run import run
from tracegen.runtime.progress import Snapshot


def test_replicas_beyond_what_is_left_are_released(tmp_path: Path) -> None:
    # Two prompts for three replicas of eight slots: one replica is enough from the start.
    recipe = recipe_file(
        tmp_path,
        prompts=2,
        where={"replicas": 3},
        simulated={"tokens_per_s": 40, "lengths": {"median": 60, "sigma": 0}, "pass_rate": {"constant": 1.0}},
    )
    seen: list[Snapshot] = []
    summary = run(order(recipe), seen.append)
    assert summary.snapshot.domains[0].accepted == 2
    states = [sorted(replica.state for replica in snapshot.replicas) for snapshot in seen]
    assert ["released", "released", "serving"] in states, states
