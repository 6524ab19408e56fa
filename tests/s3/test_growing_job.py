"""A job on a cluster of nobody but its head: nodes come when the run needs them, go when it does not, and a new head goes
on where a killed one was stopped."""

import json
import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.faults.processes import until
from tests.faults.reading import durable, run_store, settled
from tests.s3.test_ray_job import submit
from tests.servers.growing import DEAF_S, bury, commands, growing_head, kill, workers
from tests.servers.ray_head import RayHead
from tests.servers.seaweed import S3Server
from tests.simulated_run import recipe_file
from tracegen.recipe_file import load_recipe
from tracegen.runs import STATUS_KEY

pytestmark = [pytest.mark.ray, pytest.mark.s3, pytest.mark.timeout(240)]

PROMPTS = 72
WHERE = {
    "cluster": "ray",
    "replicas": 2,
    "slots": 4,
    "gpus_per_replica": 8,
    "resources": {"replica": {"teacher": 1}, "verifier_pool": {"verifier": 1}, "recorder": {"head": 0.01}},
    "verifier_processes": 1,
    "plan": {"usd_per_node_hour": {"teacher": 60.0, "verifier": 2.0}},
}
GONE_S = 60
"""Idle for three seconds, drained, and ended: more than that only on a busy machine."""


@dataclass(frozen=True)
class Run:
    """What is submitted, and where it leaves what it does."""

    recipe: Path
    uri: str
    server: S3Server

    @property
    def command(self) -> list[str]:
        return ["python", "jobs/generate.py", str(self.recipe), "--store", self.uri]

    @property
    def run_id(self) -> str:
        return load_recipe(str(self.recipe), []).recipe.run_id

    def asked(self) -> Counter[str]:
        log = self.recipe.parent / "requests.jsonl"
        lines = log.read_text().splitlines() if log.exists() else []
        return Counter(json.loads(line)["attempt_id"] for line in lines)

    def status(self) -> dict[str, Any]:
        with suppress(KeyError):
            return json.loads(run_store(self.uri, self.run_id, self.server.env).get(STATUS_KEY))
        return {"shards_settled": 0, "nodes": []}

    def node_s(self) -> dict[str, float]:
        return {use["node_type"]: use["node_s"] for use in self.status()["nodes"]}


@pytest.fixture
def run(tmp_path: Path, s3_server: S3Server, s3_uri: str) -> Run:
    pytest.importorskip("ray")
    simulated = {"tokens_per_s": 40.0, "half_rate_at": 1e6, "lengths": {"median": 40, "sigma": 0.1}}
    return Run(recipe_file(tmp_path, prompts=PROMPTS, where=WHERE, simulated=simulated), s3_uri, s3_server)


def said(head: RayHead) -> str:
    """By the drivers of its jobs."""
    logs = sorted((head.folder / "session_latest" / "logs").glob("job-driver-*.log"))
    return "".join(log.read_text(errors="replace") for log in logs)


def must_go(head: RayHead) -> None:
    until(lambda: not workers(head), "the nodes go", GONE_S)


def test_nodes_come_for_a_run_and_go_after_it_and_a_new_head_resumes(run: Run) -> None:
    with growing_head() as head:
        assert not workers(head)
        code, log = submit(head, run.server, *run.command, wait=False)
        assert code == 0, log
        until(lambda: run.status()["shards_settled"] >= 2, lambda: said(head))
        there = workers(head)
        assert sum("raylet/raylet " in line for line in there) == 3, "two teachers and one verifier"
        assert {"ray::ReplicaActor", "ray::VerifierActor"} <= {line.partition(".")[0] for line in there}
        assert not [line for line in there if line.startswith("ray::Recorder")], "only the head may write the store"
        before, orphans = run.node_s(), kill(head)
        # User data's service ends the machine when `ray start` ends, and so its agents, which wait for longer.
        alive = ("ray start", "raylet/raylet", "ray::ReplicaActor", "ray::VerifierActor")
        until(
            lambda: not [line for line in commands(orphans) if any(name in line for name in alive)],
            lambda: f"nodes without a head end themselves: {commands(orphans)}",
            DEAF_S + 30,
        )
        bury(orphans)
    acknowledged = durable(run_store(run.uri, run.run_id, run.server.env))
    assert acknowledged
    asked_before = run.asked()

    with growing_head() as head:
        code, log = submit(head, run.server, *run.command)
        assert code == 0, log
        assert ", resumed)" in log
        must_go(head)
    assert re.search(rf"^corpus +{run.uri}/\S+ \(\d+ traces\)$", log, re.MULTILINE)

    rows = [row.attempt_id for row in settled(run_store(run.uri, run.run_id, run.server.env))]
    assert len(rows) == len(set(rows)) > len(acknowledged), "the head was killed in the middle"
    assert len({row.partition(".")[0] for row in rows}) == PROMPTS
    again = run.asked() - asked_before
    assert not again.keys() & acknowledged.keys(), "nothing that was acknowledged is asked for again"
    after = run.node_s()
    assert after.keys() >= {"teacher", "verifier", "ray.head.default"}
    assert all(after[name] > seconds for name, seconds in before.items()), "the bill goes on where it was"
