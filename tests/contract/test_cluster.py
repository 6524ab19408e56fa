"""What every cluster promises of a run: the same tests, in this process and on Ray."""

import json
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.judges import always_correct, honest, sections, served
from tests.simulated_run import Left, first_attempts, order, placed, recipe_file
from tracegen.cluster.faulty import FaultyCluster, Kill, Loss
from tracegen.cluster.local import LocalCluster
from tracegen.errors import VerifierError
from tracegen.order import Order
from tracegen.recipe import Where
from tracegen.run import Cluster, run
from tracegen.runs import build_corpus
from tracegen.runtime.crew import Alone
from tracegen.runtime.progress import RunSummary, Snapshot

MakeCluster = Callable[[Where], Cluster]


@pytest.fixture(params=["local", pytest.param("ray", marks=pytest.mark.ray)])
def make_cluster(request: pytest.FixtureRequest) -> MakeCluster:
    if request.param == "local":
        return LocalCluster
    request.getfixturevalue("local_ray")
    from tracegen.cluster.ray import RayCluster

    return RayCluster


@pytest.fixture
def kill(make_cluster: MakeCluster) -> Kill | None:
    """Kills a part for real, where parts are processes."""
    return None if make_cluster is LocalCluster else kill_actor


async def kill_actor(port: object) -> None:
    from ray.exceptions import RayActorError

    with suppress(RayActorError):  # another call had it killed
        pid = await port._actor.__ray_call__.remote(lambda _: os.getpid())  # type: ignore[attr-defined]
        os.kill(pid, signal.SIGKILL)


def carry_out(given: Order, make_cluster: MakeCluster) -> RunSummary:
    return run(given, lambda _: None, make_cluster(given.recipe.where))


def with_losses(
    given: Order, make_cluster: MakeCluster, kill: Kill | None, *losses: Loss
) -> tuple[RunSummary, FaultyCluster]:
    cluster = FaultyCluster(make_cluster(given.recipe.where), losses, kill)
    return run(given, lambda _: None, cluster), cluster


def asked_once_each(left: Left) -> bool:
    return set(left.requests().values()) == {1}


def test_a_run_completes_and_its_ledger_holds_what_was_counted(make_cluster: MakeCluster, tmp_path: Path) -> None:
    given = order(recipe_file(tmp_path, where={"replicas": 2, "recorders": 2}))
    summary = carry_out(given, make_cluster)
    left = Left(given)
    left.must_be_whole()
    (domain,) = summary.snapshot.domains
    assert left.outcomes() == {"correct": domain.correct, "incorrect": domain.incorrect}
    assert len(left.attempts()) == domain.attempts == sum(left.requests().values())
    assert domain.decided == domain.prompts == 24
    assert summary.rows == domain.accepted > 0
    assert sum(left.column("ledger/completions/*.parquet", "completion_tokens")) == domain.tokens_by_cause.recorded
    assert domain.tokens_by_cause.canary > 0, "both replicas were asked before they got work"
    assert summary.snapshot.tokens == domain.tokens_by_cause.recorded + domain.tokens_by_cause.canary
    assert asked_once_each(left)


def test_running_a_finished_run_does_nothing(make_cluster: MakeCluster, tmp_path: Path) -> None:
    # What the canary takes is counted by the driver that asked, and never reaches the ledger.
    given = order(recipe_file(tmp_path, where={"canary": {"enabled": False}}))
    first = carry_out(given, make_cluster)
    left = Left(given)
    requests = left.requests_path.read_bytes()
    again = carry_out(given, make_cluster)
    assert left.requests_path.read_bytes() == requests
    assert again.corpus_path == first.corpus_path
    assert (again.rows, again.snapshot.domains) == (first.rows, first.snapshot.domains)
    left.must_be_whole()


def test_a_corpus_of_many_files_is_made_where_the_parts_live(make_cluster: MakeCluster, tmp_path: Path) -> None:
    given = order(recipe_file(tmp_path, corpus={"file_bytes": 1_000}))
    summary = carry_out(given, make_cluster)
    corpus = Path(str(summary.corpus_path))
    made = {path.name: path.read_bytes() for path in corpus.iterdir()}
    assert len(made) > 4
    (corpus / "manifest.json").unlink()
    again = build_corpus(given.store_uri, summary.run_id, crew=Alone())
    assert {path.name: path.read_bytes() for path in Path(again.path).iterdir()} == made


def test_a_quota_counts_accepted_traces(make_cluster: MakeCluster, tmp_path: Path) -> None:
    given = order(recipe_file(tmp_path, prompts=40, rejection={"quotas": {"math": 10}}))
    summary = carry_out(given, make_cluster)
    (domain,) = summary.snapshot.domains
    assert domain.accepted >= 10
    assert summary.rows == 10
    assert len(Left(given).attempts()) < 40, "a filled quota stops its domain"


def test_a_replica_that_dies_is_replaced_and_nothing_is_lost_or_doubled(
    make_cluster: MakeCluster, tmp_path: Path
) -> None:
    given = order(recipe_file(tmp_path))
    deadly = first_attempts(given)[::12]
    given = placed(given, faults={attempt_id: ["dead"] for attempt_id in deadly})
    summary = carry_out(given, make_cluster)
    left = Left(given)
    left.must_be_whole()
    assert set(deadly) <= set(left.attempts())
    assert all(left.requests()[attempt_id] == 2 for attempt_id in deadly)
    assert set(left.column("ledger/completions/*.parquet", "replica_id")) - {"replica-0-1"}, "another one went on"
    assert summary.snapshot.domains[0].decided == 24


def test_an_attempt_that_kills_replicas_is_quarantined_and_the_run_goes_on(
    make_cluster: MakeCluster, tmp_path: Path
) -> None:
    given = order(recipe_file(tmp_path, prompts=10, rejection={"max_attempts": 2}))
    poison = first_attempts(given)[-2:]
    given = placed(given, always=dict.fromkeys(poison, "dead"))
    summary = carry_out(given, make_cluster)
    left = Left(given)
    left.must_be_whole()
    assert not set(poison) & set(left.attempts())
    assert summary.snapshot.domains[0].decided == 10


def test_an_error_is_tried_again_and_then_quarantined(make_cluster: MakeCluster, tmp_path: Path) -> None:
    given = order(recipe_file(tmp_path, prompts=10))
    first, second, refused = first_attempts(given)[:3]
    given = placed(given, faults={first: ["error", "error"]}, always={second: "error", refused: "refused"})
    summary = carry_out(given, make_cluster)
    left = Left(given)
    left.must_be_whole()
    requests = left.requests()
    assert (requests[first], requests[second], requests[refused]) == (3, 3, 1)
    assert first in left.attempts()
    assert not {second, refused} & set(left.attempts())
    assert summary.snapshot.domains[0].decided == 10


def test_a_replica_that_hangs_is_found_by_its_tokens_and_replaced(make_cluster: MakeCluster, tmp_path: Path) -> None:
    given = order(recipe_file(tmp_path, prompts=10, where={"stall_s": 0.8}))
    hanging = first_attempts(given)[3]
    given = placed(given, faults={hanging: ["hang"]})
    carry_out(given, make_cluster)
    left = Left(given)
    left.must_be_whole()
    assert left.requests()[hanging] == 2
    assert hanging in left.attempts()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_verifier_pool_and_a_recorder_that_are_lost_are_replaced(
    make_cluster: MakeCluster, kill: Kill | None, when: str, tmp_path: Path
) -> None:
    given = order(recipe_file(tmp_path))
    losses = [Loss("verifiers", 2, when), Loss("recorder", 3, when), Loss("recorder", 7, when)]  # type: ignore[arg-type]
    summary, cluster = with_losses(given, make_cluster, kill, *losses)
    left = Left(given)
    left.must_be_whole()
    assert asked_once_each(left)
    assert cluster.starts["verifiers"] == 2
    assert cluster.starts["recorder"] in (2, 3)  # both losses may meet the same recorder
    assert summary.snapshot.domains[0].decided == 24
    assert set(left.outcomes()) == {"correct", "incorrect"}


def test_a_payload_lost_to_the_verifiers_is_judged_from_the_ledger(make_cluster: MakeCluster, tmp_path: Path) -> None:
    given = order(recipe_file(tmp_path))
    with_losses(given, make_cluster, None, Loss("verifiers", 2, payload=True), Loss("verifiers", 3, payload=True))
    left = Left(given)
    left.must_be_whole()
    assert asked_once_each(left)


def test_a_payload_lost_to_the_recorder_is_replaced(make_cluster: MakeCluster, tmp_path: Path) -> None:
    given = order(recipe_file(tmp_path))
    summary, _ = with_losses(given, make_cluster, None, Loss("recorder", 1, payload=True))
    left = Left(given)
    left.must_be_whole()
    assert summary.snapshot.domains[0].decided == 24


def test_a_payload_lost_to_both_is_asked_for_again(make_cluster: MakeCluster, tmp_path: Path) -> None:
    given = order(recipe_file(tmp_path))
    lost = [Loss("recorder", 1, payload=True), Loss("verifiers", 1, payload=True)]
    summary, _ = with_losses(given, make_cluster, None, *lost)
    left = Left(given)
    left.must_be_whole()
    assert not asked_once_each(left)
    assert set(left.requests()) == set(left.attempts())
    assert summary.snapshot.domains[0].tokens_by_cause.lost > 0


def test_a_replica_that_vanishes_is_replaced(make_cluster: MakeCluster, kill: Kill | None, tmp_path: Path) -> None:
    given = order(recipe_file(tmp_path))
    summary, cluster = with_losses(given, make_cluster, kill, Loss("replica", 2), Loss("replica", 4))
    left = Left(given)
    left.must_be_whole()
    assert cluster.starts["replica"] == 3
    assert summary.snapshot.domains[0].decided == 24


def test_a_resumed_run_asks_only_for_what_is_missing(make_cluster: MakeCluster, tmp_path: Path) -> None:
    given = order(recipe_file(tmp_path, prompts=40, simulated={"tokens_per_s": 150}))

    def stop_early(snapshot: Snapshot) -> None:
        if snapshot.domains[0].attempts > 10:
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        run(given, stop_early, make_cluster(given.recipe.where))
    left = Left(given)
    durable, before = left.durable(), left.requests()
    assert durable
    summary = carry_out(given, make_cluster)
    asked_again = left.requests() - before
    assert summary.resumed
    assert not durable & set(asked_again)
    assert sorted(durable | set(asked_again)) == left.attempts()
    left.must_be_whole()


def test_a_judge_settles_what_the_verifiers_leave_undecided(make_cluster: MakeCluster, tmp_path: Path) -> None:
    colours = ["red kite", "blue whale", "green tea", "black box"]
    rows = [{"prompt": f"Which is number {n}?", "answer": f"{colours[n % 4]} {n}"} for n in range(16)]
    recipe = recipe_file(tmp_path, judge={"engine": "openai", "model": "double"})
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    questions = set()

    def mind(prompt: str) -> str:
        questions.add(sections(prompt)["Question"])
        return honest(prompt)

    with served(mind) as url:
        given = order(recipe, f"where.judge.engines.openai.base_url={url}")
        carry_out(given, make_cluster)
    left = Left(given)
    left.must_be_whole()
    sql = f"SELECT DISTINCT outcome, verifier FROM read_parquet('{left.root}/ledger/verdicts/*_judge-1-*/*.parquet')"
    assert sorted(left.rows(sql)) == [("correct", "math/1"), ("incorrect", "judge/1:double")]
    assert questions & {row["prompt"] for row in rows}, "the judge reads the question"


def test_an_unfit_judge_stops_a_run_before_a_shard_is_settled(make_cluster: MakeCluster, tmp_path: Path) -> None:
    recipe = recipe_file(tmp_path, judge={"engine": "openai", "model": "double"})
    with served(always_correct) as url:
        given = order(recipe, f"where.judge.engines.openai.base_url={url}")
        with pytest.raises(VerifierError, match="failed its exam: it called 7 of 7 wrong answers correct"):
            carry_out(given, make_cluster)
    assert list(Left(given).root.glob("ledger/verdicts/*/*.parquet")) == []
