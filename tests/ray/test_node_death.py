"""Must-show 7: a node of a Ray cluster dies in the middle of a run. Three raylets on this machine, one is killed."""

import json
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.faults.processes import ROOT, Driver
from tests.faults.reading import Onlooker, run_store, settled
from tracegen.ledger.settle import open_shards
from tracegen.recipe_file import load_recipe

pytestmark = [pytest.mark.ray, pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(300)]

HEALTH = {
    "health_check_initial_delay_ms": 500,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 1000,
    "health_check_failure_threshold": 4,
}
"""A node is dead to Ray after 15 s by default; here after two."""
PROMPTS = 60


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    from ray.cluster_utils import Cluster

    # An address of its own for each node: a driver joins the node that has its machine's address, and must live on.
    head = {"num_cpus": 2, "include_dashboard": False, "_system_config": HEALTH, "object_store_memory": 200 * 1024**2}
    nodes = Cluster(initialize_head=True, head_node_args=head)
    try:
        for _ in range(2):
            nodes.add_node(num_cpus=2, object_store_memory=200 * 1024**2)
        yield nodes
    finally:
        nodes.shutdown()


def hosted(node: object) -> list[str]:
    """What runs under a node's raylet."""
    names = []
    with suppress(psutil.Error):
        for child in raylet(node).children():
            names.append(" ".join(child.cmdline()))
    return names


def raylet(node: object) -> psutil.Process:
    return psutil.Process(node.all_processes["raylet"][0].process.pid)  # type: ignore[attr-defined]


@pytest.mark.parametrize("part", ["Replica", "Recorder"])
def test_a_node_dies(cluster: object, tmp_path: Path, part: str) -> None:
    rows = [json.dumps({"prompt": f"problem {n}", "answer": str(n)}) for n in range(PROMPTS)]
    (tmp_path / "problems.jsonl").write_text("\n".join(rows))
    # Traces of 130 kB: such a payload lies in the memory of one node, and dies with it.
    simulated = {"lengths": {"median": 40_000, "sigma": 0.2, "max": 60_000}, "tokens_per_s": 40_000}
    log = tmp_path / "requests.jsonl"
    recipe = {
        "name": "nodes",
        "prompts": [{"kind": "jsonl", "name": "p", "domain": "math", "path": "problems.jsonl"}],
        "teacher": {
            "engine": "simulated", "model": "sim", "prefill": "<think>\n", "engines": {"simulated": simulated},
            "sampling": {"max_tokens": 65_536},
        },
        "rejection": {"keep": 2, "max_attempts": 4},
        "prompts_per_shard": 20,
        "where": {
            "cluster": "ray", "replicas": 3, "slots": 3, "cpus_per_replica": 1, "recorders": 4, "verifier_pools": 2,
            "journal_linger_s": 0.1, "engines": {"simulated": {"request_log": str(log)}}, "min_free_bytes": 0,
        },
    }  # fmt: skip
    path = tmp_path / "recipe.yaml"
    path.write_text(json.dumps(recipe))
    run_id = load_recipe(str(path), []).recipe.run_id
    uri = str(tmp_path / "store")
    env = {"RAY_ADDRESS": cluster.address, "RAY_AUTH_MODE": "disabled"}  # type: ignore[attr-defined]
    driver = Driver.start(["-v", "run", str(path), "--store", uri, "--json"], tmp_path, env)
    try:
        with Onlooker(uri, run_id, {}) as onlooker:
            victim = _victim(cluster, driver, part, log)
            raylet(victim).send_signal(signal.SIGKILL)
            assert driver.ended(150) == 0, driver.said()
            time.sleep(0.3)
    finally:
        driver.kill()
    store = run_store(uri, run_id, {})
    attempts = Counter(row.attempt_id for row in settled(store))
    assert attempts.total() == len(attempts)
    assert len({attempt.partition(".")[0] for attempt in attempts}) == PROMPTS
    assert not open_shards(store)
    assert not onlooker.problems, onlooker.problems[:3]
    asked = Counter(json.loads(line)["attempt_id"] for line in log.read_text().splitlines())
    assert attempts.keys() <= asked.keys()
    twice = asked.total() - len(asked)
    assert twice <= 40, f"{twice} attempts were asked for again"


def _victim(cluster: object, driver: Driver, part: str, log: Path) -> object:
    """The worker node that hosts such a part, once the run is in its middle."""
    ends = time.monotonic() + 90
    while time.monotonic() < ends and driver.alive:
        busy = log.is_file() and len(log.read_text().splitlines()) > 25
        for node in cluster.worker_nodes if busy else ():  # type: ignore[attr-defined]
            if any(name.startswith(f"ray::{part}") for name in hosted(node)):
                return node
        time.sleep(0.1)
    pytest.fail(f"no worker node hosts a {part}: {driver.said()}")
