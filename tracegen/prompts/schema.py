"""Prompts as a table: one row per prompt, and the way there and back. The plan is ``manifest.py``."""

import json
from collections.abc import Iterable, Iterator
from json.encoder import encode_basestring

import pyarrow as pa
from pydantic import TypeAdapter

from tracegen.columns import Column, arrow_schema
from tracegen.types import AnswerReference, Domain, Prompt, Reference

COLUMNS = (
    Column("prompt_id", pa.string(), "32 hex digits of a hash over domain and text"),
    Column("domain", pa.string(), "math, code, stem, logic or general"),
    Column("text", pa.large_string(), "the problem, before the teacher's instruction is added"),
    Column("reference", pa.large_string(), "what an answer is judged against, as JSON with a 'kind'"),
    Column("source", pa.string(), "name of the prompt source in the recipe"),
    Column("source_row", pa.string(), "where in the source: the row's own id, or its number from 1"),
    Column("licence", pa.string(), "licence of the source"),
    Column("difficulty", pa.string(), "as the source gives it; empty where it gives none"),
)
PROMPT = arrow_schema(COLUMNS)

_REFERENCE: TypeAdapter[Reference] = TypeAdapter(Reference)


def reference_to_json(reference: Reference) -> str:
    """The one spelling of a reference: equal references give equal text."""
    if type(reference) is AnswerReference and reference.tolerance is None and not reference.unit:
        # By far the most common kind, a million at a time: the same spelling, twenty times as fast.
        return f'{{"answer": {encode_basestring(reference.answer)}, "kind": "answer"}}'
    given = {**reference.model_dump(mode="json", exclude_defaults=True), "kind": reference.kind}
    return json.dumps(given, sort_keys=True, ensure_ascii=False)


def reference_from_json(text: str) -> Reference:
    return _REFERENCE.validate_json(text)


def to_batch(prompts: Iterable[Prompt]) -> pa.RecordBatch:
    rows = [
        (
            *(p.prompt_id, p.domain.value, p.text, reference_to_json(p.reference)),
            *(p.source, p.source_row, p.licence, p.difficulty),
        )
        for p in prompts
    ]
    columns = zip(*rows, strict=True) if rows else ([] for _ in PROMPT)
    return pa.RecordBatch.from_arrays(
        [pa.array(values, field.type) for values, field in zip(columns, PROMPT, strict=True)], schema=PROMPT
    )


def from_table(table: pa.Table) -> Iterator[Prompt]:
    for row in table.to_pylist():
        reference = reference_from_json(row["reference"])
        yield Prompt(**{**row, "domain": Domain(row["domain"]), "reference": reference})
