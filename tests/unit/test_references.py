"""Whole references in a column, as JSON text or as a struct, and what they say to a simulated teacher and a reader."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import TypeAdapter, ValidationError

from tests.filled import recipe
from tracegen.chat import request
from tracegen.corpus.rows import reference_answer
from tracegen.engines.simulated import wrong_answer
from tracegen.prompts.sources import Unusable, rows
from tracegen.recipe import PromptSource
from tracegen.types import (
    AnswerReference,
    AssertsReference,
    ChoiceReference,
    Domain,
    NoReference,
    ProceduralReference,
    Prompt,
    Reference,
    RubricReference,
    StdioReference,
    StdioTest,
)

SOURCE: TypeAdapter[PromptSource] = TypeAdapter(PromptSource)
REFERENCES: list[Reference] = [
    AnswerReference(answer="9.81", tolerance=0.01, unit="m/s^2"),
    ChoiceReference(answer="C", options=("1", "2", "3")),
    StdioReference(tests=(StdioTest(input="1\n", output="2\n"),), time_limit_s=2.5),
    AssertsReference(asserts=("assert f(1) == 2",)),
    ProceduralReference(dataset="chain_sum", item={"question": "1+1", "answer": "2", "metadata": {"n": 1, "x": 0.5}}),
    RubricReference(rubric="is polite", example="Please."),
    NoReference(),
]


def read(base: Path, **keys: Any) -> list[Prompt | Unusable]:
    given = {"kind": "jsonl", "name": "s", "domain": "stem", "path": "q.jsonl", **keys}
    return list(rows(SOURCE.validate_python({"columns": {"text": "q", "reference": "r"}, **given}), base))


def references(found: list[Prompt | Unusable]) -> list[Reference]:
    return [row.reference for row in found if isinstance(row, Prompt)]


@pytest.mark.parametrize("as_text", [True, False])
def test_jsonl_holds_references_of_any_kind(tmp_path: Path, as_text: bool) -> None:
    given = [reference.model_dump(mode="json") for reference in REFERENCES]
    cells = [json.dumps(one) for one in given] if as_text else given
    lines = [json.dumps({"q": f"problem {number}", "r": cell}) for number, cell in enumerate(cells)]
    (tmp_path / "q.jsonl").write_text("\n".join(lines), encoding="utf-8")
    assert references(read(tmp_path)) == REFERENCES


def test_parquet_holds_them_as_structs_and_as_text(tmp_path: Path) -> None:
    simple = REFERENCES[:2]
    structs = [reference.model_dump(mode="json") for reference in simple]
    texts = [reference.model_dump_json() for reference in REFERENCES]
    pq.write_table(pa.table({"q": ["a", "b"], "r": structs}), tmp_path / "structs.parquet")
    pq.write_table(pa.table({"q": [str(n) for n in range(len(texts))], "r": texts}), tmp_path / "texts.parquet")
    assert references(read(tmp_path, kind="parquet", path="structs.parquet")) == simple
    assert references(read(tmp_path, kind="parquet", path="texts.parquet")) == REFERENCES


def test_a_plain_answer_is_a_reference_too(tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text('{"q": "1+1", "r": "2"}\n{"q": "1/2", "r": "\\\\frac12"}', encoding="utf-8")
    assert references(read(tmp_path)) == [AnswerReference(answer="2"), AnswerReference(answer=r"\frac12")]


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (None, "is missing"),
        ("", "is blank"),
        ([1], "is list, not text"),
        ({"kind": "answer"}, "answer.answer: Field required"),
        ({"kind": "nonsense"}, "nonsense"),
        ({"answer": "5"}, "kind"),
        ('{"kind": "choice", "answer": ""}', "choice.answer"),
    ],
)
def test_an_unreadable_reference_is_told_with_its_row(tmp_path: Path, cell: object, words: str) -> None:
    (tmp_path / "q.jsonl").write_text(json.dumps({"q": "a", "r": cell}), encoding="utf-8")
    [row] = read(tmp_path)
    assert isinstance(row, Unusable)
    assert row.part == "reference"
    assert "column 'r'" in row.reason
    assert words in row.reason


def test_the_answer_column_is_not_needed_then(tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text('{"q": "a", "r": "5"}', encoding="utf-8")
    assert len(references(read(tmp_path))) == 1
    with pytest.raises(ValidationError, match="leave one of them out"):
        read(tmp_path, answer_pattern="(.*)")


@pytest.mark.parametrize(
    ("reference", "hint", "shown"),
    [
        (REFERENCES[0], "9.81", "9.81 m/s^2"),
        (REFERENCES[1], "C", "C"),
        (REFERENCES[4], "2", "2"),
        (REFERENCES[5], "Please.", "Please."),
        (NoReference(), "", ""),
    ],
)
def test_what_a_right_answer_is(reference: Reference, hint: str, shown: str) -> None:
    prompt = Prompt("0" * 32, Domain.STEM, "q", reference, "s", "1", "MIT")
    assert request(prompt, 0, recipe()).hint == hint
    assert reference_answer(reference) == shown


def test_another_option_is_a_wrong_answer() -> None:
    assert (wrong_answer("C", 0.5), wrong_answer("A", 0.5)) == ("A", "B")
