"""A table's columns with their documentation, and the Arrow schema they make: every column is there in every row."""

from collections.abc import Sequence
from typing import NamedTuple

import pyarrow as pa


class Column(NamedTuple):
    """One column of a stored table."""

    name: str
    type: pa.DataType
    doc: str


def arrow_schema(columns: Sequence[Column]) -> pa.Schema:
    """The schema as it is written; the documentation stays out of the files."""
    return pa.schema([pa.field(column.name, column.type, nullable=False) for column in columns])
