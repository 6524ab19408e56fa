"""The ledger's two tables as Arrow schemas, and the way between them and values. It reads and writes no store."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tracegen.errors import StoreError, boundary
from tracegen.types import Completion, Domain, FinishReason, Judgement, Outcome

ROW_GROUP_BYTES = 18 * 1024**2
"""Uncompressed text per row group, about."""

_REPETITIVE = {
    *("shard_id", "domain", "prefill", "finish_reason", "temperature", "top_p", "max_tokens"),
    *("engine", "engine_version", "model", "revision", "replica_id", "epoch"),
    *("outcome", "reason", "verifier"),
}
"""Columns worth a dictionary."""


def _schema(name: str, **types: pa.DataType) -> pa.Schema:
    columns = [pa.field(column, kind, nullable=False) for column, kind in types.items()]
    return pa.schema(columns, metadata={"tracegen.schema": name})


COMPLETION = _schema(
    "tracegen/completion/1",
    attempt_id=pa.string(),
    prompt_id=pa.string(),
    index=pa.int32(),
    shard_id=pa.string(),
    domain=pa.string(),
    text=pa.large_string(),
    prefill=pa.string(),
    finish_reason=pa.string(),
    prompt_tokens=pa.int32(),
    completion_tokens=pa.int32(),
    temperature=pa.float64(),
    top_p=pa.float64(),
    max_tokens=pa.int32(),
    seed=pa.int64(),
    engine=pa.string(),
    engine_version=pa.string(),
    model=pa.string(),
    revision=pa.string(),
    replica_id=pa.string(),
    epoch=pa.int32(),
    started_at_s=pa.float64(),
    wall_s=pa.float64(),
)

JUDGEMENT = _schema(
    "tracegen/judgement/1",
    attempt_id=pa.string(),
    prompt_id=pa.string(),
    shard_id=pa.string(),
    epoch=pa.int32(),
    outcome=pa.string(),
    reason=pa.string(),
    detail=pa.string(),
    verifier=pa.string(),
    completion_tokens=pa.int32(),
    cpu_s=pa.float64(),
)


def completions_to_table(completions: Sequence[Completion]) -> pa.Table:
    return _to_table(completions, COMPLETION)


def judgements_to_table(judgements: Sequence[Judgement]) -> pa.Table:
    return _to_table(judgements, JUDGEMENT)


def table_to_completions(table: pa.Table) -> list[Completion]:
    return _to_values(table, Completion, {"domain": Domain, "finish_reason": FinishReason})


def table_to_judgements(table: pa.Table) -> list[Judgement]:
    return _to_values(table, Judgement, {"outcome": Outcome})


def write_parquet(table: pa.Table, *, row_group_bytes: int = ROW_GROUP_BYTES) -> bytes:
    """The table as Parquet: the same rows are the same bytes. Row groups are cut by bytes of text, not by rows."""
    options: dict[str, Any] = {
        "compression": "zstd",
        "compression_level": 3,
        "use_dictionary": [name for name in table.column_names if name in _REPETITIVE],
        "write_statistics": [field.name for field in table.schema if not pa.types.is_large_string(field.type)],
        "write_page_index": True,
    }
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, table.schema, **options) as writer:
        for start, rows in _row_groups(table, row_group_bytes):
            writer.write_table(table.slice(start, rows), row_group_size=rows)
    return bytes(sink.getvalue())


def write_journal(table: pa.Table) -> bytes:
    """The table as Parquet that is soon read once and deleted: quick to write and to read rather than small.

    zstd sets up a context for each column, and most columns are a few hundred bytes here: 120 completions of 2 kB
    take 2.0 ms to write as settled objects are, and 1.2 ms in this form; 120 judgements 0.5 and 0.15 ms.
    """
    codecs = {field.name: "zstd" if pa.types.is_large_string(field.type) else "lz4" for field in table.schema}
    levels = {name: 1 for name, codec in codecs.items() if codec == "zstd"}
    options: dict[str, Any] = {
        "compression": codecs,
        "compression_level": levels or None,
        "use_dictionary": False,
        "write_statistics": False,
    }
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=max(1, table.num_rows), **options)
    return bytes(sink.getvalue())


def read_parquet(data: bytes, schema: pa.Schema, what: str) -> pa.Table:
    """The whole table. Raises StoreError naming ``what`` when it is damaged or of another schema."""
    with boundary(StoreError, f"{what} is damaged"):
        table = pq.ParquetFile(pa.BufferReader(data)).read()
        table.validate()
    if not table.schema.equals(schema, check_metadata=False):
        raise StoreError(f"{what} has another schema", hint="was it written by another version of tracegen?")
    return table.replace_schema_metadata(schema.metadata)


def column(table: pa.Table, name: str) -> list[Any]:
    """One column as Python values."""
    values: list[Any] = table.column(name).to_pylist()
    return values


def _to_table(rows: Sequence[Completion] | Sequence[Judgement], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_arrays([_column(rows, field) for field in schema], schema=schema)


def _column(rows: Sequence[Any], field: Any) -> Any:
    values = list(map(attrgetter(field.name), rows))
    try:
        return pa.array(values, field.type)
    except UnicodeEncodeError:
        # An engine that answers in JSON can hand over half of a surrogate pair, which no UTF-8 file can hold.
        return pa.array([value.encode("utf-8", "replace").decode() for value in values], field.type)


def _to_values(table: pa.Table, kind: Callable[..., Any], enums: dict[str, type]) -> list[Any]:
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    columns = [table.column(name).to_pylist() for name in names]
    for place, name in enumerate(names):
        if name in enums:
            columns[place] = list(map(enums[name], columns[place]))
    return [kind(*row) for row in zip(*columns, strict=True)]


def _row_groups(table: pa.Table, row_group_bytes: int) -> list[tuple[int, int]]:
    """Start and number of rows of each row group."""
    sizes = _text_bytes(table).to_pylist()
    groups, start, held = [], 0, 0
    for row, size in enumerate(sizes):
        if held and held + size > row_group_bytes:
            groups.append((start, row - start))
            start, held = row, 0
        held += size
    return [*groups, (start, len(sizes) - start)] if sizes else []


def _text_bytes(table: pa.Table) -> Any:
    """Bytes of long text in each row."""
    sizes = pa.repeat(pa.scalar(0, pa.int64()), table.num_rows)
    for field in table.schema:
        if pa.types.is_large_string(field.type):
            sizes = pc.add(sizes, pc.binary_length(table.column(field.name)))
    return sizes
