"""``kill -9`` of the driver half-way, and the same command again."""

import signal
from pathlib import Path

import pytest

from tests.faults.processes import driving, gone, until
from tests.faults.reading import GlobReader
from tests.simulated_run import Left, order, recipe_file

SHARDS = 12
SLOW = {"tokens_per_s": 400}


@pytest.mark.faults
@pytest.mark.parametrize("cluster", ["local", pytest.param("ray", marks=pytest.mark.ray)])
def test_a_killed_run_is_resumed_by_the_same_command(cluster: str, tmp_path: Path) -> None:
    recipe = recipe_file(tmp_path, prompts=8 * SHARDS, simulated=SLOW)
    left = Left(order(recipe))
    with GlobReader(left.root) as reader:
        with driving(recipe, "--cluster", cluster) as first:
            first.until_settled(left, SHARDS // 3)
            family = first.family()
            first.signal(signal.SIGKILL)
            assert first.ended() == -signal.SIGKILL
        until(lambda: gone(family), f"nothing of the killed run is left: {family}", 20)
        # All that was acknowledged before the kill, and perhaps more: what was written when nobody heard of it.
        durable, settled = left.durable(), left.attempts()
        asked_before = left.requests()
        with driving(recipe, "--cluster", cluster) as second:
            family = second.family()
            assert second.ended() == 0, second.said()
    assert settled
    assert len(durable) > len(settled), "killed with shards open"
    asked_again = left.requests() - asked_before
    assert not durable & set(asked_again), "a durable completion was asked for again"
    assert max(asked_again.values()) == 1
    assert left.attempts() == sorted(durable | set(asked_again)), "nothing is lost"
    left.must_be_whole()
    assert reader.problems == []
    assert len(reader.seen) > 6, "the reader looked while shards were settled"
    assert second.said()[-1].split("] ")[1].startswith("done:")
