"""A whole run with the simulated teacher: source quotas, gathering, and a source that is asked not to think."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml

from tests.filled import SET, accepted, completion, fill, plan_prompts
from tests.filled import recipe as filled_recipe
from tests.simulated_run import Left, order, recipe_file
from tracegen.catalog import query
from tracegen.chat import request
from tracegen.corpus.build import build
from tracegen.extract import UNTHINKING, Rejection, response, split
from tracegen.filter_options import Filters
from tracegen.filters.finding import Subject
from tracegen.filters.sieve import Sieve
from tracegen.ledger.layout import completions_key, verdicts_key
from tracegen.ledger.schema import completions_to_table, write_parquet
from tracegen.order import Order
from tracegen.prompts.prepare import load_plan, load_shard
from tracegen.run import run
from tracegen.runs import build_corpus, status
from tracegen.store.memory import MemoryStore
from tracegen.types import Domain, FinishReason, Trace

SOURCES = [
    {"kind": "synthetic", "name": "sums", "domain": "math", "size": 60, "seed": 1, "quota": 15},
    {"kind": "synthetic", "name": "more-sums", "domain": "math", "size": 60, "seed": 2},
    {"kind": "synthetic", "name": "chat", "domain": "general", "size": 20, "seed": 1, "thinking": False, "quota": 9},
]


def asked(folder: Path, sources: list[dict[str, Any]] | None = None, **keys: Any) -> Order:
    rules = {"keep": 1, "gather": 3, "select": "shortest", "max_attempts": 8, "quotas": {"math": 40}}
    path = recipe_file(
        folder, filters={"conclusion": None}, simulated={"instant": True, "lengths": {"median": 200}}, **keys
    )
    content = yaml.safe_load(path.read_text())
    content |= {"prompts": sources or SOURCES, "rejection": rules}
    path.write_text(yaml.safe_dump(content))
    return order(path)


def test_a_run_meets_its_mix_and_keeps_the_shortest_traces(tmp_path: Path) -> None:
    given = asked(tmp_path)
    summary = run(given, lambda _: None)
    left = Left(given)
    left.must_be_whole()
    found = query(given.store_uri, summary.run_id, "SELECT source, id, completion_tokens, response FROM corpus").rows
    assert Counter(str(row[0]) for row in found) == {"sums": 15, "more-sums": 25, "chat": 9}
    assert summary.rows == 49
    kept = {str(row[1]): int(str(row[2])) for row in found}
    right = query(
        given.store_uri,
        summary.run_id,
        "SELECT prompt_id, min(completion_tokens), count(*) FROM verdicts WHERE outcome = 'correct' GROUP BY ALL",
    ).rows
    shortest = {str(prompt_id): int(str(tokens)) for prompt_id, tokens, _ in right}
    assert all(tokens == shortest[attempt_id.partition(".")[0]] for attempt_id, tokens in kept.items())
    assert sum(int(str(number)) == 3 for *_, number in right) > len(right) / 2
    by_source = {one.source: (one.accepted >= (one.target or 0), one.target) for one in summary.snapshot.sources}
    assert by_source == {"sums": (True, 15), "chat": (True, 9)}
    assert {one.domain: one.target for one in summary.snapshot.domains} == {"general": 9, "math": 40}
    assert status(given.store_uri, summary.run_id).sources == summary.snapshot.sources
    for source, _, _, text in found:
        assert str(text).startswith(UNTHINKING) is (source == "chat")
    causes = dict(query(given.store_uri, summary.run_id, "SELECT cause, sum(attempts) FROM waste GROUP BY ALL").rows)
    assert causes["kept"] == len(right)
    assert summary.corpus_path is not None
    told = (Path(summary.corpus_path) / "README.md").read_text()
    for line in ("| sums | 15 | 15 | 100.0 % |", "| chat | 9 | 9 | 100.0 % |", "the shortest 1 of 3 correct"):
        assert line in told
    assert "| without thinking | 9 |" in told


def test_it_is_built_again_to_the_same_bytes(tmp_path: Path) -> None:
    given = asked(tmp_path)
    summary = run(given, lambda _: None)
    assert summary.corpus_path is not None
    corpus = Path(summary.corpus_path)
    first = {path.name: path.read_bytes() for path in corpus.iterdir()}
    for path in corpus.iterdir():
        path.unlink()
    again = build_corpus(given.store_uri, summary.run_id)
    assert {path.name: path.read_bytes() for path in Path(again.path).iterdir()} == first


def test_a_ledger_from_before_quotas_and_thinking_goes_on(tmp_path: Path) -> None:
    sources = [{key: value for key, value in one.items() if key not in {"quota", "thinking"}} for one in SOURCES]
    given = asked(tmp_path, sources)
    first = run(given, lambda _: None)
    root = Path(given.store_uri) / first.run_id
    manifest, described = (root / "prompts" / "manifest.json"), root / "run.json"
    old = json.loads(manifest.read_text())
    for shard in old["shards"]:
        assert shard.pop("source") == ""
    manifest.write_text(json.dumps(old))
    run_json = json.loads(described.read_text())
    for source in run_json["recipe"]["prompts"]:
        del source["quota"], source["thinking"]
    described.write_text(json.dumps(run_json))
    for path in (root / "corpus").glob("*/manifest.json"):
        path.unlink()
    again = run(given, lambda _: None)
    assert (again.resumed, again.rows, again.snapshot.sources) == (True, first.rows, ())
    assert build_corpus(given.store_uri, first.run_id).rows == first.rows


@pytest.mark.parametrize("select", ["shortest", "random", "diverse"])
def test_a_build_takes_what_the_strategy_chooses(tmp_path: Path, select: str) -> None:
    rules = {"keep": 2, "gather": 4, "max_attempts": 4, "select": select, "quotas": {"math": 30}}
    store, of = MemoryStore(), filled_recipe(rejection=rules)
    plan = fill_with_four(store, tmp_path, of)
    built = build(store, of, SET, "r-1")
    assert {domain: one.samples for domain, one in built.manifest.domains.items()} == {
        Domain.MATH: 30,
        Domain.LOGIC: 40,
    }
    found: dict[str, set[int]] = {}
    for row in _rows(store, built.version):
        found.setdefault(row["prompt_id"], set()).add(row["attempt_index"])
    logic = {prompt.prompt_id for shard in plan if shard.startswith("logic") for prompt in load_shard(store, shard)}
    # Of four traces the last two are the shortest; the first and the last differ from each other the most.
    expected = {"shortest": {2, 3}, "diverse": {0, 3}}
    if select in expected:
        assert all(found[prompt_id] == expected[select] for prompt_id in logic)
    else:
        assert len({frozenset(found[prompt_id]) for prompt_id in logic}) > 3


def fill_with_four(store: MemoryStore, base: Path, of: Any) -> list[str]:
    """A ledger of four right traces a prompt: each shorter than the one before, and less like the first."""
    fill(store, base, of, accepted)
    shards = [shard.shard_id for shard in load_plan(store).shards]
    for shard_id in shards:
        rows = []
        for prompt in load_shard(store, shard_id):
            for index in range(4):
                words = " ".join(f"same{n}" if n >= 10 * index else f"other{index}-{n}" for n in range(40))
                made = completion(prompt, shard_id, index)
                rows.append(replace(made, text=f"{words}\n</think>\n\n\\boxed{{{index}}}"))
        store.put(completions_key(shard_id), write_parquet(completions_to_table(rows)))
        _shorten(store, shard_id)
    return shards


def _shorten(store: MemoryStore, shard_id: str) -> None:
    """The verdicts say that later attempts are shorter."""
    key = verdicts_key(SET, shard_id)
    table = pq.read_table(pa.BufferReader(store.get(key)))
    place = table.schema.get_field_index("completion_tokens")
    fewer = pc.cast(pc.subtract(100, table["completion_tokens"]), pa.int32())
    store.put(key, write_parquet(table.set_column(place, table.schema.field(place), fewer)))


def _rows(store: MemoryStore, version: str) -> list[dict[str, Any]]:
    keys = [one.key for one in store.list(f"corpus/{version}/train-")]
    return [row for key in keys for row in pq.read_table(pa.BufferReader(store.get(key))).to_pylist()]


# --- not to think -------------------------------------------------------------------------------------------------


def test_a_teacher_is_asked_as_r1_skips_its_thinking(tmp_path: Path) -> None:
    example = {"prompt": "Hi", "response": "<think>\nA greeting.\n</think>\n\nHello!"}
    teacher = {"engine": "e", "model": "m", "prefill": "<think>\n", "examples": {"math": [example], "logic": [example]}}
    of = filled_recipe(teacher=teacher)
    of = of.model_copy(update={"prompts": (of.prompts[0], of.prompts[1].model_copy(update={"thinking": False}))})
    store = MemoryStore()
    fill(store, tmp_path, of)
    prompts = [prompt for shard in load_plan(store).shards for prompt in load_shard(store, shard.shard_id)]
    for prompt in prompts:
        sent = request(prompt, 0, of)
        thinks = prompt.source == "sums"
        assert sent.prefill == ("<think>\n" if thinks else "<think>\n\n</think>\n\n")
        assert sent.messages[1].content == (example["response"] if thinks else f"{UNTHINKING}Hello!")
    assert plan_prompts(store, of, tmp_path, lambda _: "").prompts == 40


@pytest.mark.parametrize(
    ("text", "finish_reason", "expected"),
    [
        ("Hello!", "stop", Trace("", "Hello!")),
        ("\n\n  Hello!\n", "stop", Trace("", "  Hello!")),
        ("Hel", "length", Trace("", "Hel")),
        ("", "stop", "empty_answer"),
        ("", "length", "truncated"),
        ("<think>\nBut why?\n</think>\n\nHello!", "stop", "unasked_reasoning"),
        ("Hello!</think>", "stop", "unasked_reasoning"),
    ],
)
def test_what_was_asked_without_thinking_has_none(text: str, finish_reason: str, expected: Trace | str) -> None:
    found = split(text, UNTHINKING, FinishReason(finish_reason))
    if isinstance(expected, Trace):
        assert found == expected
        assert split(response(expected).removeprefix(UNTHINKING), UNTHINKING) == Trace("", expected.answer)
        assert response(expected) == UNTHINKING + expected.answer
    else:
        assert isinstance(found, Rejection)
        assert found.reason == expected


def test_one_that_does_not_think_although_told_to_is_refused_as_before() -> None:
    found = split("\n</think>\n\nHello!", "<think>\n")
    assert isinstance(found, Rejection)
    assert found.reason == "empty_reasoning"


@pytest.mark.parametrize("domain", Domain)
def test_no_filter_asks_for_reasoning_where_none_was_asked_for(domain: Domain) -> None:
    sieve = Sieve(Filters.model_validate({"thin_reasoning": {"spare": []}}))
    for answer in ("The answer is \\boxed{42}.", "你好，今天我们来谈谈天气。", "Hello! How can I help you today?"):
        assert sieve.find(Subject(Trace("", answer), domain)) is None
