"""The corpus: a pure function of ledger and recipe, in files that anybody reads."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from tests.filled import INSTRUCTION, SET, accepted, completion, every_third, fill, judgement, recipe
from tracegen.chat import user_turn
from tracegen.corpus.build import BuiltCorpus, build
from tracegen.corpus.card import card
from tracegen.corpus.layout import Weights
from tracegen.corpus.schema import COLUMNS, SAMPLE
from tracegen.errors import StoreError
from tracegen.ledger.layout import completions_key, verdicts_key
from tracegen.ledger.schema import completions_to_table, judgements_to_table, write_parquet
from tracegen.prompts.prepare import load_plan, load_shard
from tracegen.protocols import Store
from tracegen.recipe import Recipe
from tracegen.store import LocalStore, MemoryStore
from tracegen.store.faulty import Crashed, Fault, FaultyStore
from tracegen.types import Attempt, Domain, Outcome


def files(store: Store, built: BuiltCorpus) -> dict[str, bytes]:
    return {one.key: store.get(one.key) for one in store.list(f"corpus/{built.version}/")}


def rows(store: Store, built: BuiltCorpus) -> list[dict[str, Any]]:
    return [row for table in tables(store, built) for row in table.to_pylist()]


def tables(store: Store, built: BuiltCorpus) -> Iterator[Any]:
    for one in built.manifest.files:
        yield pq.read_table(pa.BufferReader(store.get(f"corpus/{built.version}/{one.name}")))


def test_a_sample_says_everything_about_itself(tmp_path: Path) -> None:
    store, of = MemoryStore(), recipe()
    fill(store, tmp_path, of, lambda _, index: tuple(Outcome)[(1, 0, 2, 0)[index]])
    built = build(store, of, SET, "r-1")
    samples = rows(store, built)
    assert built.rows == len(samples) == 40
    sample = next(row for row in samples if row["source"] == "sums" and row["source_row"] == "3")
    assert sample["user_turn"] == f"sums 2?\n\n{INSTRUCTION}" == user_turn(of.teacher, Domain.MATH, "sums 2?")
    assert sample["messages"] == [
        {"role": "user", "content": sample["user_turn"]},
        {"role": "assistant", "content": "<think>\nso 1\n\nthen é\n</think>\n\nIt is \\boxed{1}."},
    ]
    assert sample["answer"] == "It is \\boxed{1}."
    assert (sample["reference_answer"], json.loads(sample["reference"])["kind"]) == ("2", "answer")
    assert (sample["attempt_index"], sample["attempts"], sample["pass_rate"]) == (1, 4, pytest.approx(2 / 3))
    assert (sample["verifier"], sample["verdict_reason"], sample["verdict_set"]) == ("math/1", "equal", SET)
    assert (sample["teacher"], sample["teacher_revision"], sample["run_id"]) == ("m", "abc", "r-1")
    assert sample["id"] == f"{sample['prompt_id']}.0001"
    assert all(value is not None for row in samples for value in row.values())


def test_same_ledger_same_recipe_same_bytes(tmp_path: Path) -> None:
    one, other = MemoryStore(), LocalStore(tmp_path / "store")
    for store in (one, other):
        fill(store, tmp_path, recipe())
    first = build(one, recipe(), SET, "r-1")
    assert files(one, first) == files(other, build(other, recipe(), SET, "r-1"))
    before = files(one, first)
    one.delete(f"corpus/{first.version}/manifest.json")
    assert files(one, build(one, recipe(), SET, "r-1")) == before
    assert build(one, recipe(), SET, "r-1") == first


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_build_that_dies_at_any_write_is_finished_by_the_next_one(
    tmp_path: Path, when: Literal["before", "after"]
) -> None:
    whole, of = MemoryStore(), recipe(corpus={"file_bytes": 6_000})
    fill(whole, tmp_path, of, accepted)
    expected = files(whole, build(whole, of, SET, "r-1"))
    assert len(expected) > 4
    for nth in range(1, 2 * len(expected) - 1):
        store = MemoryStore()
        fill(store, tmp_path, of, accepted)
        with pytest.raises(Crashed):
            build(FaultyStore(store, [Fault("put", nth, "crash", when)]), of, SET, "r-1")
        left = {found.key: store.get(found.key) for found in store.list("corpus/")}
        recorded = {found.key for found in store.list("building/")}
        assert left.items() <= expected.items()
        again = FaultyStore(store)
        assert files(store, build(again, of, SET, "r-1")) == expected
        if "manifest.json" not in "".join(left):
            # Each file without a record and its record, README and manifest; nothing else is written.
            assert again.calls["put"] == 2 * (len(expected) - 2 - len(recorded)) + 2
        assert not list(store.list("building/"))


def half_built(store: Store, base: Path, of: Recipe) -> tuple[dict[str, bytes], list[str]]:
    """The finished corpus, from another store; and the records that a build left here when it died at its manifest."""
    whole = MemoryStore()
    for one in (whole, store):
        fill(one, base, of, accepted)
    expected = files(whole, build(whole, of, SET, "r-1"))
    with pytest.raises(Crashed):
        build(FaultyStore(store, [Fault("put", 2 * (len(expected) - 2) + 2)]), of, SET, "r-1")
    return expected, [found.key for found in store.list("building/")]


def cut(data: bytes) -> bytes:
    return data[:-1]


def changed(data: bytes) -> bytes:
    return data.replace(b'"prompt_tokens":', b'"prompt_tokens":1', 1)


def of_another_version(data: bytes) -> bytes:
    return data.replace(b'"made_by":"tracegen', b'"made_by":"tracegem', 1)


def no_json(data: bytes) -> bytes:
    return b"\xff" + data


@pytest.mark.parametrize("damage", [cut, changed, of_another_version, no_json])
def test_a_damaged_record_counts_for_nothing(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    store, of = MemoryStore(), recipe(corpus={"file_bytes": 3_000})
    expected, records = half_built(store, tmp_path, of)
    before = store.get(records[1])
    store.put(records[1], damage(before))
    assert store.get(records[1]) != before
    again = FaultyStore(store)
    assert files(store, build(again, of, SET, "r-1")) == expected
    assert again.calls["put"] == 2 + 2


@pytest.mark.parametrize("damage", [cut, None])
def test_a_damaged_file_is_made_again(tmp_path: Path, damage: Callable[[bytes], bytes] | None) -> None:
    store, of = MemoryStore(), recipe(corpus={"file_bytes": 3_000})
    expected, _ = half_built(store, tmp_path, of)
    key = next(key for key in expected if "train-00001" in key)
    store.delete(key)
    if damage:
        store.put(key, damage(expected[key]))
    again = FaultyStore(store)
    assert files(store, build(again, of, SET, "r-1")) == expected
    assert again.calls["put"] == 2 + 2


@pytest.mark.parametrize("verb", ["put", "delete"])
def test_two_builders_at_once_write_the_same(tmp_path: Path, verb: str) -> None:
    of, watched = recipe(corpus={"file_bytes": 1_500}), FaultyStore(MemoryStore())
    fill(watched.store, tmp_path, of, accepted, prompts=6, attempts=1)
    expected = files(watched.store, build(watched, of, SET, "r-1"))
    assert watched.calls[verb] > 1
    for nth in range(1, watched.calls[verb] + 1):
        store, begun = MemoryStore(), Counter[str]()
        fill(store, tmp_path, of, accepted, prompts=6, attempts=1)

        def another(called: str, _: str, store: Store = store, begun: Counter[str] = begun, nth: int = nth) -> None:
            begun[called] += 1
            if (called, begun[called]) == (verb, nth):
                build(store, of, SET, "r-1")  # whole, with its sweep, within ours

        assert files(store, build(FaultyStore(store, before=another), of, SET, "r-1")) == expected
        assert begun[verb] >= nth
        assert not list(store.list("building/"))


def test_files_that_were_cut_otherwise_are_not_left_among_ours(tmp_path: Path) -> None:
    store, of = MemoryStore(), recipe(corpus={"file_bytes": 3_000})
    fill(store, tmp_path, of, accepted)
    built = build(store, of, SET, "r-1")
    expected = files(store, built)
    store.delete(f"corpus/{built.version}/manifest.json")
    store.put(f"corpus/{built.version}/train-00000-of-00099.parquet", b"of an earlier version")
    assert files(store, build(store, of, SET, "r-1")) == expected


def test_more_ledger_is_another_version(tmp_path: Path) -> None:
    store, of = MemoryStore(), recipe()
    fill(store, tmp_path, of)
    shard = load_plan(store).shards[0].shard_id
    whole = build(store, of, SET, "r-1")
    completions, verdicts = completions_key(shard), verdicts_key(SET, shard)
    kept = {key: store.get(key) for key in (completions, verdicts)}
    for key in kept:
        store.delete(key)
    part = build(store, of, SET, "r-1")
    assert part.version != whole.version
    assert 0 < part.rows < whole.rows
    for key, data in kept.items():
        store.put(key, data)
    assert build(store, of, SET, "r-1") == whole


def test_the_corpus_is_what_a_plain_reading_of_the_ledger_gives(tmp_path: Path) -> None:
    store, of = MemoryStore(), recipe(rejection={"keep": 2, "max_attempts": 4})
    fill(store, tmp_path, of)
    built = build(store, of, SET, "r-1")
    expected = set()
    for shard in load_plan(store).shards:
        for prompt in load_shard(store, shard.shard_id):
            correct = [index for index in range(4) if every_third(prompt, index) is Outcome.CORRECT]
            expected |= {Attempt(prompt.prompt_id, index).attempt_id for index in correct[:2]}
    assert {row["id"] for row in rows(store, built)} == expected
    totals = list(built.manifest.sources.values())
    assert sum(one.attempts for one in totals) == 160
    assert sum(one.correct + one.incorrect + one.undecided for one in totals) == 160
    assert sum(built.manifest.reasons.values()) == 160
    assert sum(one.samples for one in built.manifest.domains.values()) == built.rows


def test_a_quota_is_met_exactly_and_takes_first_traces_first(tmp_path: Path) -> None:
    store = MemoryStore()
    of = recipe(rejection={"keep": 2, "max_attempts": 4, "quotas": {"math": 25, "logic": 99}})
    fill(store, tmp_path, of, accepted)
    built = build(store, of, SET, "r-1")
    assert {domain: one.samples for domain, one in built.manifest.domains.items()} == {
        Domain.LOGIC: 40,
        Domain.MATH: 25,
    }
    math = [row for row in rows(store, built) if row["domain"] == "math"]
    assert sum(row["attempt_index"] == 0 for row in math) == 20


def test_files_are_cut_by_size_and_sorted_by_id(tmp_path: Path) -> None:
    store, of = MemoryStore(), recipe(corpus={"file_bytes": 12_000, "row_group_bytes": 500})
    fill(store, tmp_path, of, accepted, prompts=60)
    built = build(store, of, SET, "r-1")
    assert len(built.manifest.files) > 2
    ids = [row["id"] for row in rows(store, built)]
    assert ids == sorted(set(ids))
    assert len(ids) == 120
    for number, one in enumerate(built.manifest.files):
        data = store.get(f"corpus/{built.version}/{one.name}")
        assert one.name == f"train-{number:05d}-of-{len(built.manifest.files):05d}.parquet"
        assert (one.size_bytes, one.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        read = pq.ParquetFile(pa.BufferReader(data))
        assert read.metadata.num_rows == one.rows > 0
        assert read.metadata.num_row_groups > 1
        domains = set(read.read(["domain"])["domain"].to_pylist())
        assert domains == {"math", "logic"}


def test_the_schema_is_what_is_written(tmp_path: Path) -> None:
    store, of = MemoryStore(), recipe()
    fill(store, tmp_path, of)
    built = build(store, of, SET, "r-1")
    for table in tables(store, built):
        assert table.schema.equals(SAMPLE)
    metadata = pq.ParquetFile(
        pa.BufferReader(store.get(f"corpus/{built.version}/{built.manifest.files[0].name}"))
    ).metadata
    column = metadata.row_group(0).column(0)
    assert (column.path_in_schema, column.compression, column.has_column_index) == ("id", "ZSTD", True)
    encodings = {
        metadata.row_group(0).column(n).path_in_schema: metadata.row_group(0).column(n)
        for n in range(metadata.num_columns)
    }
    assert not encodings["messages.list.element.content"].has_dictionary_page
    assert encodings["domain"].has_dictionary_page
    assert len(SAMPLE) == len({column.name for column in COLUMNS}) == 32


def test_a_ledger_without_correct_traces_gives_an_empty_corpus(tmp_path: Path) -> None:
    store, of = MemoryStore(), recipe()
    fill(store, tmp_path, of, lambda *_: Outcome.INCORRECT)
    built = build(store, of, SET, "r-1")
    assert (built.rows, len(built.manifest.files)) == (0, 1)
    assert next(tables(store, built)).schema.equals(SAMPLE)
    assert "There are no samples." in store.get(f"corpus/{built.version}/README.md").decode()


def test_attempts_without_a_verdict_are_counted_and_left_out(tmp_path: Path) -> None:
    store, of = MemoryStore(), recipe()
    fill(store, tmp_path, of, accepted)
    built = build(store, of, "another-set", "r-1")
    assert built.rows == 0
    assert sum(one.unjudged for one in built.manifest.domains.values()) == 160
    assert built.manifest.reasons == {"unjudged": 160}


def test_a_correct_verdict_on_what_is_no_trace_gives_no_sample(tmp_path: Path) -> None:
    store, of = MemoryStore(), recipe()
    fill(store, tmp_path, of, accepted, attempts=1)
    shard = load_plan(store).shards[0].shard_id
    first, *others = (completion(prompt, shard, 0) for prompt in load_shard(store, shard))
    table = completions_to_table([replace(first, text="no closing tag"), *others])
    store.put(completions_key(shard), write_parquet(table))
    built = build(store, of, SET, "r-1")
    assert built.rows == sum(one.samples for one in built.manifest.sources.values()) == 39
    assert built.manifest.reasons == {"correct:equal": 40, "refused:no_think_close": 1}


def test_a_part_settled_later_joins_its_shard(tmp_path: Path) -> None:
    store, of = MemoryStore(), recipe()
    fill(store, tmp_path, of, accepted, attempts=1)
    shard = load_plan(store).shards[0].shard_id
    prompt = load_shard(store, shard)[0]
    late = write_parquet(completions_to_table([completion(prompt, shard, 1)]))
    store.put(completions_key(shard, 1), late)
    verdict = judgement(prompt, shard, 1, Outcome.INCORRECT)
    store.put(verdicts_key(SET, shard, 1), write_parquet(judgements_to_table([verdict])))
    [row] = [row for row in rows(store, build(store, of, SET, "r-1")) if row["prompt_id"] == prompt.prompt_id]
    assert (row["attempts"], row["pass_rate"]) == (2, 0.5)


def test_a_damaged_object_is_named(tmp_path: Path) -> None:
    store, of = MemoryStore(), recipe()
    fill(store, tmp_path, of)
    key = completions_key(load_plan(store).shards[0].shard_id)
    store.put(key, b"not parquet")
    with pytest.raises(StoreError, match=f"{key} is damaged"):
        build(store, of, SET, "r-1")
    assert "manifest" not in "".join(found.key for found in store.list("corpus/"))


def test_the_card_has_the_header_that_the_hub_reads(tmp_path: Path) -> None:
    store, of = MemoryStore(), recipe()
    fill(store, tmp_path, of)
    built = build(store, of, SET, "r-1")
    text = store.get(f"corpus/{built.version}/README.md").decode()
    _, header, body = text.split("---\n", 2)
    parsed = yaml.safe_load(header)
    assert parsed["configs"][0]["data_files"] == [{"split": "train", "path": "train-*.parquet"}]
    assert parsed["license"] == "other"
    for expected in ("| sums | MIT | `sums.jsonl` |", "m@abc (e 1)", "## Lengths", "incorrect:different", of.digest):
        assert expected in body
    assert "a judge, which is a model" not in body
    by_others = built.manifest.model_copy(update={"verifiers": ("judge/1:m", "majority/1")})
    assert "a judge, which is a model" in card(by_others, of)
    assert "agreement, not truth" in card(by_others, of)


def test_datasets_reads_it(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    store, of = LocalStore(tmp_path / "store"), recipe(corpus={"file_bytes": 6_000, "row_group_bytes": 500})
    fill(store, tmp_path, of)
    built = build(store, of, SET, "r-1")
    assert len(built.manifest.files) > 1
    cache = str(tmp_path / "cache")
    by_glob = datasets.load_dataset(
        "parquet", data_files=f"{built.path}/train-*.parquet", split="train", cache_dir=cache
    )
    by_card = datasets.load_dataset(built.path, split="train", cache_dir=cache)
    assert by_glob.to_list() == by_card.to_list() == rows(store, built)
    assert by_glob.features.arrow_schema.names == SAMPLE.names
    assert by_glob[0]["messages"][1]["role"] == "assistant"


@pytest.mark.parametrize("weight", [0.5, 10, 1e9])
def test_no_file_is_empty(weight: float) -> None:
    weights = Weights()
    ids = [hashlib.sha256(str(n).encode()).hexdigest()[:32] for n in range(50)]
    for one in ids:
        weights.add(one, weight)
    layout = weights.cut(100)
    spans = [layout.span(number) for number in range(len(layout))]
    assert all(any(one in span for one in ids) for span in spans)
    assert all(sum(one in span for span in spans) == 1 for one in ids)
    assert [span.end for span in spans[:-1]] == [span.first for span in spans[1:]]
