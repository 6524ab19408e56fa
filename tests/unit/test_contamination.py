"""Decontamination: what quotes a benchmark goes, with the words and the row that tell why."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.filled import plan_prompts
from tracegen.errors import PromptError
from tracegen.prompts.contamination import Contamination, benchmark_rows
from tracegen.prompts.left_out import KEY
from tracegen.prompts.prepare import load_shard
from tracegen.recipe import Benchmark, Decontamination, Recipe
from tracegen.store import MemoryStore

AIME = "Every morning Aya goes for a nine kilometre long walk and stops at a coffee shop afterwards."
SHORT = "Compute the sum of all divisors."


def rule(**keys: object) -> Decontamination:
    return Decontamination.model_validate({"against": [{"name": "aime", "path": "aime.jsonl"}], **keys})


def contamination(**keys: object) -> Contamination:
    return Contamination(rule(**keys), [("aime:1", AIME), ("aime:2", SHORT)])


@pytest.mark.parametrize(
    "text",
    [
        AIME,
        AIME.upper().replace(" ", "\n"),
        f"Solve this. {AIME} Show your work.",
        "Yesterday Bo goes for a nine kilometre long walk and stops at a bakery; how long was he away?",
    ],
)
def test_ten_words_in_a_row_are_found(text: str) -> None:
    hit = contamination().hit(text)
    assert hit is not None
    assert hit.benchmark_row == "aime:1"
    assert hit.ngram in " ".join(AIME.lower().rstrip(".").split())
    assert len(hit.ngram.split()) == 10


@pytest.mark.parametrize(
    "text",
    [
        "Every morning Aya goes for a nine kilometre walk and stops at a coffee shop.",  # nine in a row at most
        "Compute the sum of all divisors. Then halve it.",  # a short row is a phrase that others use, too
        "",
    ],
)
def test_less_is_not(text: str) -> None:
    assert contamination().hit(text) is None


def test_a_short_row_is_found_where_the_prompt_is_nothing_else() -> None:
    hit = contamination().hit("compute the sum of all divisors")
    assert hit is not None
    assert hit.benchmark_row == "aime:2"


def test_the_threshold_counts_different_ngrams() -> None:
    quoted = "Bo goes for a nine kilometre long walk and stops at a bakery."
    hit = contamination().hit(quoted)
    assert hit is not None
    assert hit.matches == 2
    assert contamination(min_matches=3).hit(quoted) is None
    assert contamination(min_matches=2).hit(f"{quoted} {quoted}") is not None


def test_an_ignored_phrase_counts_for_nothing() -> None:
    ignore = ["goes for a nine kilometre long walk and stops at a"]
    assert contamination(ignore=ignore).hit("Bo goes for a nine kilometre long walk and stops at a bakery.") is None
    assert contamination(ignore=ignore).hit(AIME) is not None


def test_benchmarks_are_read_from_both_formats(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"problem": "p", "solution": "s", "year": 2024}) + "\n")
    pq.write_table(pa.table({"problem": ["q", None, " "]}), tmp_path / "b.parquet")
    one = Benchmark(name="a", path="a.jsonl", columns=("problem", "solution", "year"))
    two = Benchmark(name="b.c", path="b.parquet")
    assert list(benchmark_rows([one, two], tmp_path)) == [("a:1", "p"), ("a:1", "s"), ("a:1", "2024"), ("b.c:1", "q")]


def test_a_benchmark_that_is_not_there_or_has_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"problem": None}) + "\n")
    with pytest.raises(PromptError, match=r"benchmark 'a' has no text in a\.jsonl"):
        list(benchmark_rows([Benchmark(name="a", path="a.jsonl")], tmp_path))
    with pytest.raises(PromptError, match="no column 'question'"):
        list(benchmark_rows([Benchmark(name="a", path="a.jsonl", columns=("question",))], tmp_path))
    with pytest.raises(PromptError, match=r"gone\.jsonl"):
        list(benchmark_rows([Benchmark(name="a", path="gone.jsonl")], tmp_path))


def test_the_plan_leaves_out_and_keeps_the_evidence(tmp_path: Path) -> None:
    pytest.importorskip("rensa")
    long = "How many ways are there to seat 8 people around a round table so that no two of the 3 sisters sit together"
    texts = [long, f"Problem 7. {long}?", f"{AIME} How far is that in 5 days?", "What is 3 + 4?", "broken {"]
    rows = [{"prompt": text, "answer": "{" if "{" in text else "7"} for text in texts]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "aime.jsonl").write_text(json.dumps({"problem": AIME}) + "\n")
    recipe = Recipe.model_validate(
        {
            "name": "r",
            "prompts": [{"kind": "jsonl", "name": "a", "domain": "math", "path": "a.jsonl"}],
            "teacher": {"engine": "e", "model": "m"},
            "preparation": {
                "near_duplicates": {},
                "decontamination": {"against": [{"name": "aime", "path": "aime.jsonl"}]},
                "unreadable_share": 0.2,
            },
        }
    )
    store = MemoryStore()
    plan = plan_prompts(store, recipe, tmp_path, lambda ref: "unbalanced" if getattr(ref, "answer", "") == "{" else "")
    kept = [prompt.text for shard in plan.shards for prompt in load_shard(store, shard.shard_id)]
    assert sorted(kept) == sorted([texts[0], texts[3]])
    [entry] = plan.manifest.sources
    assert (entry.prompts, entry.near_duplicates, entry.contaminated, entry.unreadable) == (2, 1, 1, 1)
    [benchmark] = plan.manifest.benchmarks
    assert benchmark.name == "aime"
    assert len(benchmark.fingerprint["aime.jsonl"]) == 64
    found = {row["reason"]: row for row in pq.read_table(pa.BufferReader(store.get(KEY))).to_pylist()}
    assert found["near_duplicate"]["match"] == "a:1"
    assert found["near_duplicate"]["matched"] == long
    assert found["contaminated"]["match"] == "aime:1"
    assert found["contaminated"]["matched"] == "every morning aya goes for a nine kilometre long walk"
    assert found["unreadable"]["matched"] == "unbalanced"


def test_too_many_unreadable_references_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"prompt": f"p{n}", "answer": "?"}) + "\n" for n in range(4)))
    recipe = Recipe.model_validate(
        {
            "name": "r",
            "prompts": [{"kind": "jsonl", "name": "a", "domain": "math", "path": "a.jsonl"}],
            "teacher": {"engine": "e", "model": "m"},
            "preparation": {"unreadable_share": 0.5},
        }
    )
    with pytest.raises(PromptError, match=r"row 1: odd \(and 3 more rows\).*raise preparation.unreadable_share"):
        plan_prompts(MemoryStore(), recipe, tmp_path, lambda _: "odd")
