"""Prompt sources: what becomes a prompt, what is reported, and the one line for a source that cannot be read."""

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import TypeAdapter

from tracegen.errors import PromptError
from tracegen.prompts.sources import Unusable, rows
from tracegen.recipe import PromptSource
from tracegen.types import AnswerReference, ProceduralReference, Prompt, prompt_id

SOURCE: TypeAdapter[PromptSource] = TypeAdapter(PromptSource)


def source(**keys: Any) -> PromptSource:
    place = {} if "dataset" in keys else {"path": "q.jsonl"}
    return SOURCE.validate_python({"kind": "jsonl", "name": "s", "domain": "math", **place, **keys})


def read(base: Path, **keys: Any) -> list[Prompt | Unusable]:
    return list(rows(source(**keys), base))


def answers(found: list[Prompt | Unusable]) -> list[str]:
    return [
        row.reference.answer for row in found if isinstance(row, Prompt) and isinstance(row.reference, AnswerReference)
    ]


def write(base: Path, *lines: str, name: str = "q.jsonl") -> None:
    (base / name).write_text("\n".join(lines), encoding="utf-8")


def refusal(base: Path, **keys: Any) -> str:
    with pytest.raises(PromptError) as caught:
        read(base, **keys)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_row_becomes_a_prompt(tmp_path: Path) -> None:
    write(tmp_path, '{"prompt": "1+1?", "answer": "2", "other": 1}')
    [row] = read(tmp_path, licence="MIT")
    assert isinstance(row, Prompt)
    assert (row.text, row.source, row.source_row, row.licence) == ("1+1?", "s", "1", "MIT")
    assert row.prompt_id == prompt_id(row.domain, "1+1?")
    assert row.reference == AnswerReference(answer="2")


def test_columns_pattern_id_and_limit(tmp_path: Path) -> None:
    write(
        tmp_path,
        json.dumps({"q": "a", "a": "first #### 1\nso\n#### 1,000", "n": 7}),
        json.dumps({"q": "b", "a": "none", "n": 8}),
        json.dumps({"q": "c", "a": "#### 3", "n": None}),
        json.dumps({"q": "d", "a": "#### 4", "n": 10}),
    )
    found = read(tmp_path, columns={"text": "q", "answer": "a", "id": "n"}, answer_pattern="#### (.+)$", limit=3)
    assert answers(found) == ["1,000", "3"]
    assert [row.source_row for row in found] == ["7", "8", "3"]
    assert found[1] == Unusable("s", "8", "reference", "column 'a' does not match answer_pattern")


@pytest.mark.parametrize(
    ("spelt", "answer"),
    [
        ("5", "5"),
        ("2.50", "2.50"),
        ("1e400", "1e400"),
        ("123456789012345678901234567890", "1234567890" * 3),
        ('"x "', "x"),
    ],
)
def test_numbers_are_kept_as_they_are_spelt(tmp_path: Path, spelt: str, answer: str) -> None:
    write(tmp_path, f'{{"prompt": "p", "answer": {spelt}}}')
    assert answers(read(tmp_path)) == [answer]


@pytest.mark.parametrize(
    ("row", "part", "reason"),
    [
        ({"prompt": " ", "answer": "1"}, "text", "column 'prompt' is blank"),
        ({"prompt": None, "answer": "1"}, "text", "column 'prompt' is missing"),
        ({"answer": "1"}, "text", "column 'prompt' is missing"),
        ({"prompt": "p", "answer": None}, "reference", "column 'answer' is missing"),
        ({"prompt": "p", "answer": ""}, "reference", "column 'answer' is blank"),
        ({"prompt": "p", "answer": ["1"]}, "reference", "column 'answer' is list, not text"),
        ({"prompt": "\ud800", "answer": "1"}, "text", "column 'prompt' is not valid Unicode"),
    ],
)
def test_a_row_that_cannot_be_used_is_reported(tmp_path: Path, row: object, part: str, reason: str) -> None:
    write(tmp_path, '{"prompt": "good", "answer": "1"}', "", json.dumps(row))
    assert read(tmp_path)[1] == Unusable("s", "3", part, reason)  # type: ignore[arg-type]


def test_gzip_and_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "q.jsonl.gz").write_bytes(gzip.compress('{"prompt": "é", "answer": 1}\r\n'.encode("utf-8-sig")))
    [row] = read(tmp_path, path="q.jsonl.gz")
    assert isinstance(row, Prompt)
    assert row.text == "é"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"prompt": "a", "answer": 1}\n{"prompt": ', "prompt source 's': q.jsonl, line 2: not JSON (Expecting value"),
        (b'{"prompt": "a", "answer": 1}\n\n[1]', "line 3: a row is a JSON object, not list"),
        (b'{"prompt": "\xff"}', "line 1: not UTF-8 (byte 12)"),
        (b"", "prompt source 's' has no rows; it reads q.jsonl"),
        (b"\n\n", "has no rows"),
        (b'{"question": "a", "answer": 1}', "has no column 'prompt' (columns.text); it has: question, answer"),
        (b'{"prompt": "a", "solution": 1}', "has no column 'answer' (columns.answer); it has: prompt, solution"),
        (b"\x1f\x8bnot gzip at all", "prompt source 's': q.jsonl"),
        (b"[" * 100_000, "line 1: JSON nested too deeply"),
    ],
)
def test_jsonl_that_cannot_be_read(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "q.jsonl").write_bytes(content)
    assert expected in refusal(tmp_path)


def test_a_missing_file(tmp_path: Path) -> None:
    assert "q.jsonl" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("pattern", "expected"), [("(", "is no regular expression"), ("####", "answer_pattern has no group")]
)
def test_a_bad_answer_pattern(tmp_path: Path, pattern: str, expected: str) -> None:
    write(tmp_path, '{"prompt": "a", "answer": 1}')
    assert expected in refusal(tmp_path, answer_pattern=pattern)


def parquet(file: Path, **columns: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), file)


def test_parquet_files_by_glob(tmp_path: Path) -> None:
    parquet(tmp_path / "d" / "b.parquet", prompt=["c"], answer=["3"])
    parquet(tmp_path / "d" / "a.parquet", prompt=["a", "b"], answer=["1", "2"], unread=[1, 2])
    found = read(tmp_path, kind="parquet", path="d/*.parquet")
    assert answers(found) == ["1", "2", "3"]
    assert [row.source_row for row in found] == ["a.parquet:1", "a.parquet:2", "b.parquet:1"]
    assert answers(read(tmp_path / "elsewhere", kind="parquet", path=str(tmp_path / "*" / "b.parquet"))) == ["3"]


@pytest.mark.parametrize(
    ("answer", "shown"),
    [(5, "5"), (Decimal("2.50"), "2.50"), (2.5, "2.5"), (0.1, "0.1"), (10**18, "1000000000000000000"), (True, "True")],
)
def test_parquet_numbers(tmp_path: Path, answer: object, shown: str) -> None:
    parquet(tmp_path / "q.parquet", prompt=["a"], answer=[answer])
    assert answers(read(tmp_path, kind="parquet", path="q.parquet")) == [shown]


def test_parquet_not_a_number(tmp_path: Path) -> None:
    parquet(tmp_path / "q.parquet", prompt=["a", "b"], answer=[1.5, float("nan")])
    found = read(tmp_path, kind="parquet", path="q.parquet")
    assert found[1] == Unusable("s", "2", "reference", "column 'answer' is not a number")


def test_parquet_that_cannot_be_read(tmp_path: Path) -> None:
    assert "no file matches *.parquet; looked in" in refusal(tmp_path, kind="parquet", path="*.parquet")
    (tmp_path / "q.parquet").write_bytes(b"nothing like it")
    assert "q.parquet" in refusal(tmp_path, kind="parquet", path="q.parquet")
    parquet(tmp_path / "q.parquet", question=["a"], answer=["1"])
    assert "has no column 'prompt' (columns.text); it has: question, answer" in refusal(
        tmp_path, kind="parquet", path="q.parquet"
    )
    parquet(tmp_path / "q.parquet", prompt=pa.array([], pa.string()), answer=pa.array([], pa.string()))
    assert "has no rows" in refusal(tmp_path, kind="parquet", path="q.parquet")


def gym(**keys: Any) -> PromptSource:
    given = {"kind": "reasoning_gym", "name": "g", "domain": "logic", "dataset": "chain_sum", "size": 3, **keys}
    return SOURCE.validate_python(given)


def test_reasoning_gym_makes_the_same_problems_from_the_same_seed(tmp_path: Path) -> None:
    pytest.importorskip("reasoning_gym")
    first, again, other = (list(rows(gym(seed=seed), tmp_path)) for seed in (1, 1, 2))
    assert first == again != other
    assert len(first) == 3
    row = first[0]
    assert isinstance(row, Prompt)
    assert isinstance(row.reference, ProceduralReference)
    assert row.text == row.reference.item["question"]
    assert json.loads(json.dumps(row.reference.item)) == row.reference.item
    assert len(list(rows(gym(limit=2), tmp_path))) == 2


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"dataset": "chain_sums"}, "reasoning-gym has no dataset 'chain_sums'; did you mean 'chain_sum'?"),
        ({"options": {"max_term": 3}}, "chain_sum has no option 'max_term'; did you mean 'max_terms'?"),
        ({"options": {"min_terms": -1}}, "prompt source 'g': chain_sum: min_terms must be positive"),
    ],
)
def test_reasoning_gym_refusals(tmp_path: Path, keys: dict[str, Any], expected: str) -> None:
    pytest.importorskip("reasoning_gym")
    with pytest.raises(PromptError) as caught:
        list(rows(gym(**keys), tmp_path))
    assert expected in str(caught.value)


def test_a_hub_dataset_in_a_folder(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    parquet(tmp_path / "set" / "data" / "train-00000-of-00001.parquet", prompt=["a", "b"], answer=["1", None])
    hub = {"kind": "hub", "dataset": "set", "revision": "main"}
    found = read(tmp_path, **hub)
    assert answers(found) == ["1"]
    assert found[1] == Unusable("s", "2", "reference", "column 'answer' is missing")
    assert "has no column 'text'" in refusal(tmp_path, columns={"text": "text"}, **hub)
    assert "dataset set: " in refusal(tmp_path, split="nope", **hub)


def test_a_procedural_reference_knows_its_configuration(tmp_path: Path) -> None:
    pytest.importorskip("reasoning_gym")
    [row] = read(tmp_path, kind="reasoning_gym", dataset="chain_sum", size=1, options={"max_terms": 3})
    assert isinstance(row, Prompt)
    assert isinstance(row.reference, ProceduralReference)
    assert row.reference.options == {"max_terms": 3}
