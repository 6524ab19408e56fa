"""Verdict sets that are written later: from the ledger alone, resumable, the same bytes each time."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.drifting import install
from tests.filled import completion, fill, recipe
from tests.simulated_run import Left, order, recipe_file
from tracegen.catalog import query
from tracegen.differences import of_files, of_sets
from tracegen.errors import UserError, VerifierDrift
from tracegen.ledger.layout import completions_key
from tracegen.ledger.schema import completions_to_table, write_parquet
from tracegen.order import Order
from tracegen.prompts.prepare import load_plan, load_shard
from tracegen.recipe import Recipe
from tracegen.rejudging import Rejudging, rejudge
from tracegen.run import run
from tracegen.runs import build_corpus
from tracegen.store import SubStore, open_store
from tracegen.tables import writing
from tracegen.types import Completion, Prompt, Trace, Verdict
from tracegen.verify.majority import final_answer, vote
from tracegen.verify.math import MathVerifier
from tracegen.verify.pool import Case

pytestmark = pytest.mark.sandbox


@pytest.fixture
def finished(tmp_path: Path) -> Order:
    """A run of sums that is done."""
    asked = order(recipe_file(tmp_path))
    run(asked, lambda _: None)
    return asked


def asked_of(given: Order, **keys: Any) -> Rejudging:
    return Rejudging(given.store_uri, given.recipe.run_id, **keys)


def objects(given: Order, name: str) -> dict[str, bytes]:
    folder = Left(given).root / "ledger" / "verdicts" / name
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def same_but_cpu(given: Order, name: str) -> list[tuple[Any, ...]]:
    root = Left(given).root
    columns = "attempt_id, prompt_id, shard_id, epoch, outcome, reason, detail, verifier, completion_tokens"
    return Left(given).rows(
        f"SELECT {columns} FROM read_parquet('{root}/ledger/verdicts/{name}/*.parquet') ORDER BY attempt_id"
    )


async def test_the_same_verifiers_say_the_same_and_no_teacher_is_asked(finished: Order) -> None:
    requests = Left(finished).requests()
    judged = await rejudge(asked_of(finished, name="again"))
    own, *_ = {path.name for path in (Left(finished).root / "ledger" / "verdicts").iterdir()} - {"again"}
    assert judged.shards == 3
    assert judged.rows == sum(requests.values())
    assert same_but_cpu(finished, "again") == same_but_cpu(finished, own)
    assert Left(finished).column("ledger/verdicts/again/*.parquet", "max(cpu_s)") == [0.0]
    assert Left(finished).requests() == requests


async def test_the_bytes_do_not_depend_on_processes_or_time(finished: Order) -> None:
    await rejudge(asked_of(finished, name="one", processes=1))
    await rejudge(asked_of(finished, name="eight", processes=8))
    one, eight = objects(finished, "one"), objects(finished, "eight")
    assert len(one) == 4
    told = [json.loads(found.pop("set.json")) for found in (one, eight)]
    assert [one_told.pop("set") for one_told in told] == ["one", "eight"]
    assert told[0] == told[1]
    assert one == eight


async def test_what_was_begun_goes_on(finished: Order) -> None:
    await rejudge(asked_of(finished, name="again"))
    whole = objects(finished, "again")
    folder = Left(finished).root / "ledger" / "verdicts" / "again"
    next(folder.glob("*.parquet")).unlink()
    judged = await rejudge(asked_of(finished, name="again"))
    assert (judged.shards, judged.skipped) == (1, 2)
    assert objects(finished, "again") == whole


async def test_a_set_of_another_configuration_is_refused(
    finished: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    await rejudge(asked_of(finished, name="again"))
    other = finished.recipe.model_copy(update={"verifiers": {"answer": "sound"}})
    with pytest.raises(UserError, match="verdict set 'again' was made by other verifiers"):
        await rejudge(asked_of(finished, name="again", recipe=other))
    judged = await rejudge(asked_of(finished, recipe=other))
    assert judged.name.startswith("drifting-1-")
    with pytest.raises(UserError, match="is the set that the run itself wrote; give another name with --set"):
        await rejudge(asked_of(finished))
    with pytest.raises(UserError, match="cannot name a verdict set"):
        await rejudge(asked_of(finished, name="a/b"))


async def test_verifiers_that_drift_write_nothing(
    finished: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("yes", "no", "shrug"):
        other = finished.recipe.model_copy(update={"verifiers": {"answer": name}})
        with pytest.raises(VerifierDrift):
            await rejudge(asked_of(finished, name=name, recipe=other))
        assert list(objects(finished, name)) == ["set.json"]


async def test_a_corpus_is_built_from_any_set(finished: Order) -> None:
    await rejudge(asked_of(finished, name="again"))
    uri, run_id = finished.store_uri, finished.recipe.run_id
    own, again = build_corpus(uri, run_id), build_corpus(uri, run_id, "again")
    assert again.manifest.verdict_set == "again"
    assert own.version != again.version
    assert own.rows == again.rows > 0
    with pytest.raises(UserError, match=r"has no verdict set 'agian'; it has: again, math-1-"):
        build_corpus(uri, run_id, "agian")


# --- made-up ledgers: what attempts say is data ------------------------------------------------------------------


def filled(tmp_path: Path, answers: list[str], **columns: Any) -> str:
    """A run of sums, each prompt of which has these answers. The reference of the nth is n."""
    sums = {"kind": "jsonl", "name": "sums", "domain": "math", "path": "sums.jsonl", "columns": columns}
    of = Recipe.model_validate({**recipe().model_dump(mode="json"), "prompts": [sums], "verifiers": {"answer": "math"}})
    uri = str(tmp_path / "store")
    store = SubStore(open_store(uri), "r-1")
    fill(store, tmp_path, of, attempts=1)
    store.put("run.json", json.dumps({"recipe": of.model_dump(mode="json"), "verdict_set": "math-1"}).encode())
    for shard in load_plan(store).shards:
        made = [
            saying(prompt, shard.shard_id, index, answer)
            for prompt in load_shard(store, shard.shard_id)
            for index, answer in enumerate(answers)
        ]
        store.put(completions_key(shard.shard_id), write_parquet(completions_to_table(made)))
    return uri


def saying(prompt: Prompt, shard_id: str, index: int, answer: str) -> Completion:
    plain = completion(prompt, shard_id, index)
    values = {name: getattr(plain, name) for name in Completion.__match_args__}  # type: ignore[attr-defined]
    return Completion(**{**values, "text": f"so\n</think>\n\nIt is {answer}."})


def boxed(*answers: str) -> list[str]:
    return [rf"\boxed{{{answer}}}" if answer else "unclear" for answer in answers]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (boxed("1/2", "0.5", r"\frac{1}{2}", "7", ""), ["majority"] * 3 + ["minority", "no_answer"]),
        (boxed("1/2", "0.5", "7", "7"), ["no_majority"] * 4),
        (boxed("7", "7"), ["no_majority"] * 2),
        (boxed("x+1", "1+x", "x + 1", "x-1"), ["majority"] * 3 + ["minority"]),
        (boxed("", "", ""), ["no_answer"] * 3),
        (boxed("cat", "cat", "cat", "dog"), ["majority"] * 3 + ["minority"]),
    ],
)
async def test_the_vote_of_a_prompts_attempts(answers: list[str], expected: list[str]) -> None:
    async def judge(cases: Sequence[Case]) -> list[Verdict]:
        return [MathVerifier().verify(case.reference, case.trace) for case in cases]

    ballots = {f"{number}": final_answer(Trace("", answer)) for number, answer in enumerate(answers)}
    verdicts = await vote(ballots, judge, 3)
    assert [verdict.reason for verdict in verdicts.values()] == expected
    outcomes = {"majority": "correct", "no_majority": "undecided"}
    assert all(one.outcome == outcomes.get(one.reason, "incorrect") for one in verdicts.values())


async def test_the_majority_decides_where_there_is_no_reference(tmp_path: Path) -> None:
    uri = filled(tmp_path, boxed("1/2", "0.5", r"\frac{1}{2}", "7", ""), answer=None)
    judged = await rejudge(Rejudging(uri, "r-1", name="voted", majority=3))
    assert judged.reasons == {"correct/majority": 60, "incorrect/minority": 20, "incorrect/no_answer": 20}
    rows = query(uri, "r-1", "SELECT DISTINCT verifier FROM verdicts WHERE verdict_set = 'voted'").rows
    assert rows == [("majority/1",)]
    assert build_corpus(uri, "r-1", "voted").rows == 20


async def test_without_a_vote_such_prompts_stay_undecided(tmp_path: Path) -> None:
    uri = filled(tmp_path, boxed("7", "7", "7"), answer=None)
    judged = await rejudge(Rejudging(uri, "r-1", name="plain"))
    assert judged.outcomes == {"undecided": 60}
    with pytest.raises(UserError, match="was made by other verifiers"):
        await rejudge(Rejudging(uri, "r-1", name="plain", majority=3))


async def test_a_vote_leaves_references_alone(tmp_path: Path) -> None:
    uri = filled(tmp_path, boxed("7", "7", "7"))
    judged = await rejudge(Rejudging(uri, "r-1", name="voted", majority=3))
    assert judged.outcomes == {"correct": 3, "incorrect": 57}


async def test_references_that_every_attempt_contradicts_are_suspect(tmp_path: Path) -> None:
    uri = filled(tmp_path, boxed(r"\frac{7}{2}", r" \frac{7}{2}", r"\frac{7}{2}", "3", ""))
    await rejudge(Rejudging(uri, "r-1", name="again"))
    found = query(uri, "r-1", "SELECT * FROM suspects WHERE verdict_set = 'again'")
    assert found.columns == (
        *("verdict_set", "prompt_id", "source", "source_row"),
        *("reference", "attempts", "agreeing", "answer"),
    )
    # Not the one whose reference is 3: an attempt was right about it.
    assert len(found.rows) == 19
    assert {row[5:] for row in found.rows} == {(4, 3, r"\frac{7}{2}")}
    assert all(json.loads(str(row[4]))["answer"] != "3" for row in found.rows)


async def test_what_changed_between_two_sets(tmp_path: Path) -> None:
    uri = filled(tmp_path, boxed("7", "7", "7"), answer=None)
    await rejudge(Rejudging(uri, "r-1", name="plain"))
    await rejudge(Rejudging(uri, "r-1", name="voted", majority=3))
    found = of_sets(uri, "r-1", ("plain", "voted"), sample=4)
    assert found.outcomes.rows == [("undecided", "correct", 60)]
    assert found.changes.rows == [("undecided", "no_verifier", "correct", "majority", 60)]
    assert len(found.sample.rows) == 4
    assert found == of_sets(uri, "r-1", ("plain", "voted"), sample=4)
    assert found.sample != of_sets(uri, "r-1", ("plain", "voted"), sample=4, seed=1).sample
    row = dict(zip(found.sample.columns, found.sample.rows[0], strict=True))
    assert row["detail_b"] == "3 of 3 answers are '7'"
    assert row["reference"] == '{"kind": "none"}'
    assert str(row["answer"]).endswith(r"It is \boxed{7}.")
    with pytest.raises(UserError, match="has no verdict set 'x'; it has: "):
        of_sets(uri, "r-1", ("plain", "x"), sample=1)


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_what_changed_between_two_files(tmp_path: Path, ending: str) -> None:
    files = []
    for name, outcomes in (("a", "correct correct undecided"), ("b", "correct incorrect undecided incorrect")):
        rows = [
            {
                "id": number,
                "reference": str(number),
                "response": f"x {number}",
                "outcome": outcome,
                "reason": outcome[0],
            }
            for number, outcome in enumerate(outcomes.split())
        ]
        files.append(tmp_path / f"{name}.{ending}")
        with writing(files[-1]) as writer:
            writer.write(rows)
    found = of_files((files[0], files[1]), sample=9)
    assert found.outcomes.rows == [
        ("absent", "incorrect", 1),
        ("correct", "correct", 1),
        ("correct", "incorrect", 1),
        ("undecided", "undecided", 1),
    ]
    assert ("correct", "c", "incorrect", "i", 1) in found.changes.rows
    shown = dict(zip(found.sample.columns, found.sample.rows[0], strict=True))
    assert (shown["id"], shown["reference"], shown["answer"]) == ("1", "1", "x 1")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"id": 1, "reference": "1", "response": ""}], "no column 'outcome', 'reason'; tracegen judge FILE --out"),
        ([{"id": 1, "reference": "", "response": "", "outcome": "correct", "reason": ""}] * 2, "have the same id"),
        (None, "cannot read the rows"),
    ],
)
def test_files_that_cannot_be_compared(tmp_path: Path, rows: list[dict[str, Any]] | None, words: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("oops" if rows is None else "".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(UserError, match=words) as caught:
        of_files((path, path), sample=1)
    assert "\n" not in str(caught.value)


def test_a_source_may_have_no_references(tmp_path: Path) -> None:
    """Its prompts get all of their attempts, and every verdict is undecided."""
    source = {"kind": "jsonl", "name": "sums", "domain": "math", "path": "sums.jsonl", "columns": {"answer": None}}
    for policy in ("adaptive", "until_kept", "fixed"):
        folder = tmp_path / policy
        folder.mkdir()
        path = recipe_file(folder, prompts=6, rejection={"max_attempts": 3, "policy": policy})
        path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), "prompts": [source]}))
        asked = order(path)
        run(asked, lambda _: None)
        left = Left(asked)
        assert left.outcomes() == {"undecided": 6 * 3}
        assert set(left.requests().values()) == {1}
