"""An attempt that nobody can complete: the run goes on without it, says so, and takes it up again when told."""

import json
from pathlib import Path

import pytest

from tests.faults.reading import run_store, settled
from tracegen import quarantine
from tracegen.cli import main
from tracegen.errors import UserError
from tracegen.order import Order
from tracegen.recipe_file import load_recipe
from tracegen.run import run
from tracegen.runs import status
from tracegen.types import Attempt, Domain, prompt_id

PROMPTS = 8
BAD = Attempt(prompt_id(Domain.MATH, "p 3"), 0).attempt_id


def order(folder: Path, **where: object) -> Order:
    rows = [json.dumps({"prompt": f"p {n}", "answer": str(n)}) for n in range(PROMPTS)]
    (folder / "p.jsonl").write_text("\n".join(rows))
    simulated = {"instant": True, "pass_rate": {"constant": 1.0}, "lengths": {"median": 20}}
    recipe = {
        "name": "poison",
        "prompts": [{"kind": "jsonl", "name": "p", "domain": "math", "path": "p.jsonl"}],
        "teacher": {"engine": "simulated", "model": "sim", "prefill": "<think>\n", "engines": {"simulated": simulated}},
        "rejection": {"keep": 1, "max_attempts": 1},
        "prompts_per_shard": 4,
        "where": {"cluster": "local", "slots": 4, "min_free_bytes": 0, "journal_linger_s": 0.01, **where},
    }
    (folder / "recipe.yaml").write_text(json.dumps(recipe))
    return Order(load_recipe(str(folder / "recipe.yaml"), []), str(folder / "store"))


def faulty(fault: str) -> dict[str, object]:
    return {"engines": {"simulated": {"always": {BAD: fault}}}}


@pytest.mark.parametrize(("fault", "tries", "deaths"), [("error", 3, 0), ("refused", 1, 0)])
def test_the_run_goes_on_and_the_evidence_is_kept(tmp_path: Path, fault: str, tries: int, deaths: int) -> None:
    asked = order(tmp_path, **faulty(fault))
    summary = run(asked, lambda _: None)
    assert summary.rows == PROMPTS - 1
    assert summary.snapshot.domains[0].quarantined == 1
    assert status(asked.store_uri, summary.run_id).domains[0].quarantined == 1
    (kept,) = quarantine.listed(asked.store_uri, summary.run_id)
    assert (kept.item.attempt_id, kept.item.tries, kept.item.deaths) == (BAD, tries, deaths)
    assert len(kept.item.troubles) == tries
    assert all(BAD in one.error and one.replica_id.startswith("replica-0-") for one in kept.item.troubles)
    assert kept.settled
    assert quarantine.requeued(asked.store_uri, summary.run_id, [BAD])[0].requeued is False


@pytest.mark.faults
@pytest.mark.slow
def test_an_attempt_that_kills_replicas_is_found_out(tmp_path: Path) -> None:
    asked = order(tmp_path, **faulty("dead"))
    summary = run(asked, lambda _: None)
    assert summary.rows == PROMPTS - 1
    (kept,) = quarantine.listed(asked.store_uri, summary.run_id)
    assert kept.item.deaths >= 2
    assert len({one.replica_id for one in kept.item.troubles}) == kept.item.deaths


def test_requeued_attempts_of_open_shards_are_handed_out_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = order(tmp_path, **faulty("refused"))
    summary = run(asked, lambda _: None)
    store = run_store(asked.store_uri, summary.run_id, {})
    (kept,) = quarantine.listed(asked.store_uri, summary.run_id)
    # As a driver leaves it that dies before the shard is settled: completions in the journal or none at all.
    for key in [found.key for found in store.list("ledger/") if kept.item.shard_id in found.key]:
        store.delete(key)
    healthy = order(tmp_path)
    again = run(healthy, lambda _: None)
    assert again.rows == PROMPTS - 1, "it stays in quarantine over a resume"
    for key in [found.key for found in store.list("ledger/") if kept.item.shard_id in found.key]:
        store.delete(key)
    with pytest.raises(SystemExit) as ended:
        main(["quarantine", again.run_id, "--requeue", BAD, "--store", asked.store_uri])
    assert ended.value.code == 0
    assert "1 requeued: the next start of the run hands them out again" in capsys.readouterr().out
    run(healthy, lambda _: None)
    assert BAD in {row.attempt_id for row in settled(store)}
    assert quarantine.listed(asked.store_uri, again.run_id) == []


def test_only_what_is_in_quarantine_can_be_requeued(tmp_path: Path) -> None:
    summary = run(order(tmp_path), lambda _: None)
    with pytest.raises(UserError, match="not in quarantine: x"):
        quarantine.requeued(str(tmp_path / "store"), summary.run_id, ["x"])
