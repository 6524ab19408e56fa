"""Two drivers of one run: one wins, whoever sleeps."""

import hashlib
import signal
import socket
from pathlib import Path

import pytest

from tests.faults.processes import driving, until
from tests.faults.reading import GlobReader
from tests.simulated_run import Left, order, recipe_file

pytestmark = pytest.mark.faults

SLOW = {"tokens_per_s": 400}


def shown(run: Path) -> dict[str, str]:
    """What readers of the run see."""
    paths = [path for glob in ("ledger/[cv]*/**/*.parquet", "corpus/**/*.*", "*.json") for path in run.glob(glob)]
    return {str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_of_two_that_start_at_once_one_wins(tmp_path: Path) -> None:
    recipe = recipe_file(tmp_path, prompts=64, simulated=SLOW)
    with driving(recipe) as one, driving(recipe) as other:
        codes = {driver.ended(): driver for driver in (one, other)}
    assert sorted(codes) == [0, 2]
    (line,) = codes[2].said()
    assert f"is being driven by process {codes[0].process.pid} on {socket.gethostname()}" in line
    assert line.startswith("error: run simulated-")
    left = Left(order(recipe))
    left.must_be_whole()
    assert set(left.requests().values()) == {1}


def test_a_driver_that_sleeps_longer_than_its_claim_is_fenced_when_it_wakes(tmp_path: Path) -> None:
    recipe = recipe_file(tmp_path, prompts=96, simulated=SLOW, where={"claim_ttl_s": 1.2})
    left = Left(order(recipe))
    with GlobReader(left.root) as reader, driving(recipe) as sleeper:
        sleeper.until_settled(left, 2)
        sleeper.signal(signal.SIGSTOP)
        with driving(recipe) as heir:
            assert heir.ended() == 0, heir.said()
        assert "waiting 1 s for a sign of life of process" in heir.said()[0]
        before = shown(left.root)
        sleeper.signal(signal.SIGCONT)
        assert sleeper.ended() == 3, sleeper.said()
    lines = [line for line in sleeper.said() if line.startswith("error")]
    (line,) = lines
    assert f"another driver owns this run now: process {heir.process.pid}" in line
    assert "Traceback" not in sleeper.err.read_text()
    assert shown(left.root) == before, "the fenced driver wrote something that shows"
    with driving(recipe) as third:
        assert third.ended() == 0, third.said()
    assert reader.problems == []
    attempts = left.attempts()
    assert len(attempts) == len(set(attempts))
    assert attempts == left.judged()
    until(lambda: not [path for path in (left.root / "ledger/journal").rglob("*") if path.is_file()], "swept", 1)
