"""Queries that ship: each runs on any run, and says what can be counted by hand."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.filled import SET, accepted, every_third, fill, judgement, recipe
from tracegen.catalog import ask, corpus_uri, named_queries, named_query, newest_corpus, open_corpora, query
from tracegen.corpus.build import build
from tracegen.errors import UserError
from tracegen.ledger.layout import verdicts_key
from tracegen.ledger.schema import judgements_to_table, write_parquet
from tracegen.prompts.prepare import load_plan, load_shard
from tracegen.store import SubStore, open_store
from tracegen.types import Outcome

NAMES = [one.name for one in named_queries()]
WHERE = {"slots": 4, "gpus_per_replica": 2, "plan": {"usd_per_gpu_hour": 3.0}}


@pytest.fixture
def uri(tmp_path: Path) -> str:
    """A run of 40 prompts with four attempts each, every third of which is right."""
    uri, of = str(tmp_path / "store"), recipe(where={"cluster": "local", **WHERE})
    store = SubStore(open_store(uri), "r-1")
    fill(store, tmp_path, of)
    store.put("run.json", json.dumps({"recipe": of.model_dump(mode="json"), "verdict_set": SET}).encode())
    build(store, of, SET, "r-1")
    return uri


def records(uri: str, name: str, verdict_set: str = "") -> list[dict[str, Any]]:
    answer = query(uri, "r-1", named_query(name).sql(), verdict_set)
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


def test_the_usual_ones_are_there() -> None:
    usual = {"mix", "lengths", "pass-rate", "cost", "longest", "suspects", "duplicates", "rejects"}
    assert usual <= set(NAMES)
    for one in named_queries():
        assert one.about.endswith(".")
        assert len(one.about) <= 125
        assert "\n" not in one.about
        assert ("$limit" in one.text) == (one.limit is not None)
        assert "--" not in one.sql()[:2], "a shell would take it for an option"


@pytest.mark.parametrize("name", NAMES)
def test_each_runs_on_a_whole_run_and_on_one_that_has_only_begun(uri: str, tmp_path: Path, name: str) -> None:
    begun = str(tmp_path / "begun")
    SubStore(open_store(begun), "r-1").put("note", b"")
    sql = named_query(name).sql()
    assert query(begun, "r-1", sql).columns == query(uri, "r-1", sql).columns


def test_what_they_count(uri: str) -> None:
    corpus = newest_corpus(SubStore(open_store(uri), "r-1"))
    assert corpus is not None
    mix = records(uri, "mix")
    assert {row["source"]: (row["traces"], row["tokens"]) for row in mix} == {
        source: (one.samples, one.completion_tokens) for source, one in corpus.sources.items()
    }
    assert sum(row["share"] for row in mix) == pytest.approx(1, abs=1e-3)
    rates = {row["source"]: row for row in records(uri, "pass-rate")}
    for source, one in corpus.sources.items():
        counted = (rates[source][name] for name in ("prompts", "solved", "attempts", "correct", "incorrect"))
        assert tuple(counted) == (one.prompts, one.solved, one.attempts, one.correct, one.incorrect)
        assert rates[source]["undecided"] == one.undecided
    lengths = records(uri, "lengths")
    assert [(row["from_tokens"], row["traces"], row["share_from_here_up"]) for row in lengths] == [
        (16, corpus.rows, 1.0)
    ]
    assert lengths[0]["math"] + lengths[0]["logic"] == corpus.rows
    assert {(row["outcome"], row["reason"]): row["attempts"] for row in records(uri, "rejects")} == {
        tuple(reason.split(":")): number for reason, number in corpus.reasons.items() if reason != "correct:equal"
    }


def test_cost_counts_tokens_that_were_lost_and_prices_slot_time(uri: str) -> None:
    *by_source, everything = records(uri, "cost")
    assert [row["source"] for row in by_source] == ["riddles", "sums"]
    assert (everything["domain"], everything["attempts"], everything["tokens"]) == (
        "all",
        160,
        40 * (20 + 21 + 22 + 23),
    )
    solved = sum(row["solved"] for row in records(uri, "pass-rate"))
    assert 0 < solved < 160
    assert everything["accepted"] == solved
    assert everything["tokens_per_trace"] == pytest.approx(everything["tokens"] / solved, abs=0.1)
    # 160 completions of a second, on a fourth of two GPUs each.
    assert everything["gpu_hours"] == pytest.approx(160 * 2 / 4 / 3600, abs=1e-3)
    assert everything["usd_per_trace"] == pytest.approx(3 * 160 * 2 / 4 / 3600 / solved)


def test_without_gpus_nothing_is_priced_and_prompts_that_nobody_solved_are_paid_for(tmp_path: Path) -> None:
    uri, of = str(tmp_path / "store"), recipe()
    store = SubStore(open_store(uri), "r-1")
    fill(store, tmp_path, of, lambda prompt, _: every_third(prompt, 0))
    row = records(uri, "cost", SET)[-1]
    assert 0 < row["accepted"] < 40
    assert (row["attempts"], row["gpu_hours"], row["usd"]) == (160, None, None)


def test_a_later_verdict_set_is_asked_by_name(uri: str) -> None:
    store = SubStore(open_store(uri), "r-1")
    for shard in load_plan(store).shards:
        judged = [judgement(one, shard.shard_id, 0, Outcome.INCORRECT) for one in load_shard(store, shard.shard_id)]
        store.put(verdicts_key("strict-1", shard.shard_id), write_parquet(judgements_to_table(judged)))
    assert sum(row["attempts"] for row in records(uri, "pass-rate")) == 160
    assert {row["pass_rate"] for row in records(uri, "pass-rate", "strict-1")} == {0.0}
    assert query(uri, "r-1", "SELECT verdict_set FROM run", "strict-1").rows == [("strict-1",)]
    with pytest.raises(UserError, match="run r-1 has no verdict set 'stict-1'; it has: math-1, strict-1"):
        query(uri, "r-1", "SELECT 1", "stict-1")


def test_duplicates_are_found_by_prompt_by_response_and_by_beginning(tmp_path: Path) -> None:
    long = "a b " * 250
    rows = [
        ("p1.0000", "p1", "What is  1+1?", long + "so 2"),
        ("p2.0000", "p2", "what is 1+1? ", long + "hence 2"),
        ("p3.0000", "p3", "Other", "It is 3."),
        ("p3.0001", "p3", "Other", "It is 3."),
        ("p4.0000", "p4", "Fourth", "It is 4."),
    ]
    ids, prompt_ids, prompts, responses = zip(*rows, strict=True)
    table = pa.table({"id": ids, "prompt_id": prompt_ids, "prompt": prompts, "response": responses})
    pq.write_table(table, tmp_path / "train-00000-of-00001.parquet")
    with open_corpora({"corpus": str(tmp_path)}) as connection:
        assert ask(connection, named_query("duplicates").sql()).rows == [
            ("beginning", 1, 2, 2, "p1.0000", "p2.0000"),
            ("prompt", 1, 2, 2, "p1.0000", "p2.0000"),
            ("response", 1, 2, 1, "p3.0000", "p3.0001"),
        ]


def test_a_limit_is_taken_where_there_is_one(uri: str) -> None:
    assert len(query(uri, "r-1", named_query("longest").sql(3)).rows) == 3
    with pytest.raises(UserError, match="query 'mix' takes no limit"):
        named_query("mix").sql(3)


def test_an_unknown_name_is_answered_with_a_suggestion() -> None:
    with pytest.raises(UserError, match=r"no query 'longst'; did you mean longest\?"):
        named_query("longst")
    with pytest.raises(UserError, match="no query 'zzz'; there is: cost, duplicates, "):
        named_query("zzz")


# --- a corpus without its run --------------------------------------------------------------------------------------


def test_a_corpus_is_asked_by_its_folder_alone(uri: str, tmp_path: Path) -> None:
    [version] = (path.name for path in Path(uri, "r-1/corpus").iterdir())
    folder = corpus_uri(uri, "r-1", version[:5])
    assert folder == f"{uri}/r-1/corpus/{version}"
    elsewhere = tmp_path / "it's=a [copy]"
    Path(folder).rename(elsewhere)
    with open_corpora({"corpus": f"{elsewhere}/"}) as connection:
        [(rows,)] = ask(connection, "SELECT count(*) FROM corpus").rows
        assert rows == sum(row[2] for row in ask(connection, named_query("mix").sql()).rows) > 0
        with pytest.raises(UserError, match=r"Table with name judged does not exist.*; there is: corpus"):
            ask(connection, named_query("pass-rate").sql())


@pytest.mark.parametrize("name", ["r-1/corpus", "r-1", "none"])
def test_a_folder_that_is_no_corpus(uri: str, name: str) -> None:
    [version] = (path.name for path in Path(uri, "r-1/corpus").iterdir())
    hint = f"one of its versions: .*{version}" if name != "none" else "name a folder with train-"
    with pytest.raises(UserError, match=f"no corpus in .*{name}; {hint}"):
        open_corpora({"corpus": f"{uri}/{name}"})


def test_versions_that_a_run_does_not_have(uri: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no corpus 'zz' of run r-1; it has: "):
        corpus_uri(uri, "r-1", "zz")
    store, of = SubStore(open_store(uri), "r-2"), recipe()
    fill(store, tmp_path, of, accepted)
    with pytest.raises(UserError, match="no corpus 'zz' of run r-2; build one: tracegen build r-2"):
        corpus_uri(uri, "r-2", "zz")
