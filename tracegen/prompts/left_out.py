"""Evidence: a row for each prompt that was left out though it was new, written beside the plan for people to audit."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from enum import StrEnum

import pyarrow as pa

from tracegen.columns import Column, arrow_schema

KEY = "preparation/left_out.parquet"


class Why(StrEnum):
    """What a prompt fell for."""

    CONTAMINATED = "contaminated"
    NEAR_DUPLICATE = "near_duplicate"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One prompt that is not in the plan."""

    reason: Why
    source: str
    source_row: str
    text: str
    match: str
    """The benchmark's or the kept prompt's source and row."""
    matched: str
    """The n-gram, the kept prompt's text, or why the reference cannot be read."""
    score: float
    """Matching n-grams, or similarity."""


COLUMNS = (
    Column("reason", pa.string(), "contaminated, near_duplicate or unreadable"),
    Column("source", pa.string(), "name of the prompt source in the recipe"),
    Column("source_row", pa.string(), "where in the source"),
    Column("text", pa.large_string(), "the problem that was left out; empty for a row without a reference"),
    Column("match", pa.string(), "name and row of the benchmark, or of the source of the prompt that was kept"),
    Column(
        "matched", pa.large_string(), "the shared n-gram; the text that was kept; or what is wrong with a reference"
    ),
    Column("score", pa.float64(), "how many n-grams are shared, or Jaccard similarity of word 3-grams"),
)
LEFT_OUT = arrow_schema(COLUMNS)


def left_out_table(rows: Iterable[LeftOut]) -> pa.Table:
    """The rows in the order in which they were met."""
    columns = zip(*map(astuple, rows), strict=True)
    arrays = [pa.array(map(_plain, values), field.type) for values, field in zip(columns, LEFT_OUT, strict=False)]
    return pa.Table.from_arrays(arrays, schema=LEFT_OUT) if arrays else LEFT_OUT.empty_table()


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Why) else value
