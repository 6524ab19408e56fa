"""Which runs a store holds, and where each stands. Building is tested with the corpus."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tracegen.errors import StoreError, UserError
from tracegen.runs import RUN_KEY, STATUS_KEY, has_run, runs, status
from tracegen.runtime.progress import DomainProgress, ReplicaProgress, Snapshot
from tracegen.store import open_store

SNAPSHOT = Snapshot(
    run_id="a-1",
    at_s=1000.0,
    elapsed_s=10.0,
    domains=(DomainProgress("math", 1, None, 4, 2, 5, 1, 3, 1),),
    in_flight=3,
    tokens=500,
    tokens_per_s=50.0,
    replicas=(ReplicaProgress("replica-0-1", "running", 3, 50.0),),
    shards_open=1,
    shards_settled=0,
    shards_total=1,
    eta_s=None,
    phase="generating",
)


@pytest.fixture
def store_uri(tmp_path: Path) -> str:
    store = open_store(str(tmp_path))
    for run_id, created_at_s in (("a-1", 5.0), ("b-2", 9.0), ("c-3", 7.0)):
        store.put(f"{run_id}/{RUN_KEY}", json.dumps({"created_at_s": created_at_s}).encode())
    store.put("b-2/ledger/run.json", b"not a run")
    store.put(f"a-1/{STATUS_KEY}", json.dumps(SNAPSHOT.to_json()).encode())
    return str(tmp_path)


def test_runs_come_newest_first(store_uri: str, tmp_path: Path) -> None:
    assert runs(store_uri) == ["b-2", "c-3", "a-1"]
    assert runs(str(tmp_path / "nowhere")) == []


@pytest.mark.parametrize(("run_id", "found"), [("a-1", True), ("a", False), ("", False), ("../a-1", False)])
def test_a_run_is_there_by_its_whole_id_only(store_uri: str, run_id: str, found: bool) -> None:
    assert has_run(store_uri, run_id) == found


def test_a_snapshot_comes_back_as_it_was_written(store_uri: str) -> None:
    assert status(store_uri, "a-1", now_s=1030.0) == SNAPSHOT


def test_a_silent_driver_is_taken_to_be_gone(store_uri: str) -> None:
    stopped = status(store_uri, "a-1", now_s=2000.0)
    assert (stopped.phase, stopped.in_flight, stopped.replicas) == ("stopped", 0, ())
    done = replace(SNAPSHOT, phase="done")
    open_store(store_uri).put(f"a-1/{STATUS_KEY}", json.dumps(done.to_json()).encode())
    assert status(store_uri, "a-1", now_s=2000.0) == done


def test_a_run_without_a_snapshot_has_not_begun(store_uri: str) -> None:
    with pytest.raises(UserError, match="has not begun"):
        status(store_uri, "b-2")


def test_a_snapshot_that_cannot_be_read_is_named(store_uri: str) -> None:
    open_store(store_uri).put(f"a-1/{STATUS_KEY}", b'{"run_id": 1')
    with pytest.raises(StoreError, match=r"a-1/status\.json"):
        status(store_uri, "a-1")
