"""How a run ends that does not end well: one line, the right exit code, nothing left running, and it resumes."""

import json
import signal
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.faults.processes import driving, gone, until
from tests.simulated_run import Left, order, recipe_file
from tracegen.cluster.local import LocalCluster
from tracegen.errors import Fenced, StoreError
from tracegen.ledger.owner import Owner, claim
from tracegen.ledger.process import Process
from tracegen.protocols import Payload, RecorderPort
from tracegen.run import run
from tracegen.runtime.progress import Snapshot
from tracegen.runtime.recorder import Recorder, RecorderSpec
from tracegen.store import SubStore, open_store

pytestmark = pytest.mark.faults

SLOW = {"tokens_per_s": 400}
ELSEWHERE = Owner(Process("gpu-7", "another boot", "pid:[1]", 7, 99), 0.0)
HOURS = {"tokens_per_s": 1}
CLUSTERS = ["local", pytest.param("ray", marks=pytest.mark.ray)]


def released(left: Left) -> bool:
    newest = sorted(path for path in left.root.glob("owner/*.json") if "beat" not in path.name)[-1]
    return bool(json.loads(newest.read_bytes())["closed"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
@pytest.mark.parametrize("cluster", CLUSTERS)
def test_a_run_that_is_told_to_stop_stops_cleanly_and_resumes_at_once(
    cluster: str, number: signal.Signals, tmp_path: Path
) -> None:
    recipe = recipe_file(tmp_path, prompts=64, simulated=SLOW)
    left = Left(order(recipe))
    with driving(recipe, "--cluster", cluster) as first:
        first.until_settled(left, 2)
        family = first.family()
        first.signal(number)
        assert first.ended() == 130
    *before, farewell = first.said()
    assert farewell == "stopped; the same command resumes"
    assert [line for line in before if not line.startswith(("run simulated-", "["))] == [], "noise"
    assert first.out.read_text() == ""
    assert released(left)
    until(lambda: gone(family), f"nothing is left of {family}", 5)
    durable, asked_before = left.durable(), left.requests()
    assert durable
    if cluster == "local":
        with driving(recipe) as second:
            assert second.ended() == 0, second.said()
        assert not durable & set(left.requests() - asked_before)
        left.must_be_whole()


def test_a_driver_that_waits_for_the_run_can_be_stopped(tmp_path: Path) -> None:
    recipe = recipe_file(tmp_path)
    given = order(recipe)
    claim(SubStore(open_store(given.store_uri), given.recipe.run_id), given.recipe.run_id, ELSEWHERE)
    with driving(recipe) as driver:
        until(lambda: driver.said(), "it says what it waits for")
        driver.signal(signal.SIGTERM)
        began_s = time.monotonic()
        assert driver.ended() == 130
    assert time.monotonic() - began_s < 5
    (waiting, farewell) = driver.said()
    assert "waiting 30 s for a sign of life of process 7 on gpu-7" in waiting
    assert farewell == "stopped; the same command resumes"
    assert not Left(given).requests()


def test_a_store_that_fails_ends_the_run_with_one_line_and_the_run_resumes(tmp_path: Path) -> None:
    recipe = recipe_file(tmp_path, prompts=64, simulated=SLOW)
    left = Left(order(recipe))
    ledger, away = left.root / "ledger", left.root / "ledger.away"
    with driving(recipe) as first:
        first.until_settled(left, 2)
        ledger.rename(away)
        ledger.write_text("where a disk was")
        assert first.ended() == 1, first.said()
    assert [line.partition(":")[0] for line in first.said() if not line.startswith(("run ", "["))] == ["error"]
    assert str(ledger) in first.said()[-1]
    ledger.unlink()
    away.rename(ledger)
    durable, asked_before = left.durable(), left.requests()
    with driving(recipe) as second:
        assert second.ended() == 0, second.said()
    assert not durable & set(left.requests() - asked_before)
    left.must_be_whole()


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_a_cluster_that_cannot_serve_the_run_leaves_nothing(cluster: str, tmp_path: Path) -> None:
    recipe = recipe_file(tmp_path, where={"gpus_per_replica": 5})
    with driving(recipe, "--cluster", cluster) as driver:
        assert driver.ended() == 2
    (line,) = driver.said()
    assert line.startswith("error: where")
    assert "GPUs" in line
    assert driver.out.read_text() == ""
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == []


class Raises(Recorder):
    """A recorder with a fault of its own in one verb."""

    def __init__(self, spec: RecorderSpec, recorder_id: str, verb: str, error: Exception) -> None:
        super().__init__(spec, recorder_id)
        self._verb = verb
        self._error = error

    async def append(self, payload: Payload) -> None:
        self._raise("append")
        await super().append(payload)

    async def settle(self, shard_id: str) -> None:
        self._raise("settle")
        await super().settle(shard_id)

    async def close(self) -> None:
        self._raise("close")
        await super().close()

    def _raise(self, verb: str) -> None:
        if verb == self._verb:
            raise self._error


class RaisingCluster(LocalCluster):
    """Its recorders raise."""

    verb, error = "", Exception()

    async def start_recorder(self, spec: RecorderSpec, recorder_id: str) -> RecorderPort:
        return Raises(spec, recorder_id, self.verb, self.error)


@pytest.mark.parametrize("verb", ["append", "settle"])
@pytest.mark.parametrize("error", [ZeroDivisionError("a fault of ours"), StoreError("no space left")])
def test_an_error_that_nobody_can_mend_ends_the_run_with_it(verb: str, error: Exception, tmp_path: Path) -> None:
    given = order(recipe_file(tmp_path))
    cluster = RaisingCluster(given.recipe.where)
    cluster.verb, cluster.error = verb, error
    began_s = time.monotonic()
    with pytest.raises(type(error), match=str(error)):
        run(given, lambda _: None, cluster)
    assert time.monotonic() - began_s < 10
    left = Left(given)
    assert released(left)
    run(given, lambda _: None)
    left.must_be_whole()


def test_a_part_that_fails_to_close_does_not_spoil_the_run(tmp_path: Path) -> None:
    given = order(recipe_file(tmp_path))
    cluster = RaisingCluster(given.recipe.where)
    cluster.verb, cluster.error = "close", ZeroDivisionError("a fault of ours")
    assert run(given, lambda _: None, cluster).rows
    Left(given).must_be_whole()


def test_a_driver_that_is_superseded_stops_at_once(tmp_path: Path) -> None:
    given = order(recipe_file(tmp_path, simulated=HOURS, where={"claim_ttl_s": 0.8}))
    store = SubStore(open_store(given.store_uri), given.recipe.run_id)
    taken_s: list[float] = []

    def take_over(_: Snapshot) -> None:
        if not taken_s:
            store.put("owner/00000002.json", json.dumps(asdict(ELSEWHERE)).encode())
            taken_s.append(time.monotonic())

    with pytest.raises(Fenced, match="process 7 on gpu-7"):
        run(given, take_over)
    assert time.monotonic() - taken_s[0] < 3


@pytest.mark.ray
def test_parts_that_ray_loses_cost_a_line_each_and_no_noise(tmp_path: Path) -> None:
    recipe = recipe_file(tmp_path, prompts=64, simulated=SLOW)
    left = Left(order(recipe))
    with driving(recipe, "--cluster", "ray") as driver:
        driver.until_settled(left, 1)
        for process in driver.family():
            if process.name().startswith(("ray::Recorder", "ray::Verifier")):
                process.kill()
        assert driver.ended() == 0, driver.said()
    noise = [line for line in driver.said() if not line.startswith(("run simulated-", "["))]
    assert sorted(line[: len("WARNING: recorder 0 lost")] for line in noise) == [
        "WARNING: recorder 0 lost",
        "WARNING: verifier pool 0",
    ]
    assert driver.out.read_text().startswith("domain"), "standard output is for results"
    left.must_be_whole()
