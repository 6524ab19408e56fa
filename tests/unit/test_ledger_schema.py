"""The ledger's schemas and their Parquet."""

import io
from dataclasses import fields

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rows import completion, judgement
from tracegen.errors import StoreError
from tracegen.ledger.schema import (
    COMPLETION,
    JUDGEMENT,
    completions_to_table,
    judgements_to_table,
    read_parquet,
    table_to_completions,
    table_to_judgements,
    write_parquet,
)
from tracegen.types import Completion, Judgement, Outcome


@pytest.mark.parametrize(("schema", "kind"), [(COMPLETION, Completion), (JUDGEMENT, Judgement)])
def test_schemas_have_the_fields_of_their_values_and_no_nulls(schema: pa.Schema, kind: type) -> None:
    assert schema.names == [field.name for field in fields(kind)]
    assert not any(field.nullable or pa.types.is_null(field.type) for field in schema)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_completions_come_back_as_they_were(texts: list[str]) -> None:
    rows = [completion(number, text=text) for number, text in enumerate(texts)]
    data = write_parquet(completions_to_table(rows))
    assert table_to_completions(read_parquet(data, COMPLETION, "it")) == rows


def test_judgements_come_back_as_they_were() -> None:
    rows = [judgement(completion(number), outcome=outcome) for number, outcome in enumerate(Outcome)]
    data = write_parquet(judgements_to_table(rows))
    assert table_to_judgements(read_parquet(data, JUDGEMENT, "it")) == rows


def test_half_a_surrogate_pair_does_not_lose_the_row() -> None:
    table = completions_to_table([completion(text="a\ud83db"), completion(1, text="\U0001f600")])
    assert table.column("text").to_pylist() == ["a?b", "\U0001f600"]


def test_the_same_rows_are_the_same_bytes() -> None:
    rows = [completion(number, text="x" * number) for number in range(300)]
    assert write_parquet(completions_to_table(rows)) == write_parquet(completions_to_table(rows))


def test_row_groups_are_cut_by_bytes_of_text() -> None:
    rows = [completion(number, text="é" * 500) for number in range(10)]
    data = write_parquet(completions_to_table(rows), row_group_bytes=2500)
    file = pq.ParquetFile(io.BytesIO(data))
    assert [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)] == [2] * 5
    assert table_to_completions(file.read()) == rows


def test_dictionaries_and_statistics_are_where_they_help() -> None:
    file = pq.ParquetFile(io.BytesIO(write_parquet(completions_to_table([completion(n) for n in range(9)]))))
    columns = {file.schema_arrow.names[n]: file.metadata.row_group(0).column(n) for n in range(len(COMPLETION))}
    assert "RLE_DICTIONARY" in columns["model"].encodings
    assert "RLE_DICTIONARY" not in columns["attempt_id"].encodings
    assert columns["attempt_id"].is_stats_set
    assert not columns["text"].is_stats_set
    assert {column.compression for column in columns.values()} == {"ZSTD"}


def test_an_empty_table_carries_its_schema(tmp_path) -> None:
    path = tmp_path / "e.parquet"
    path.write_bytes(write_parquet(COMPLETION.empty_table()))
    assert duckdb.sql(f"SELECT count(text) FROM '{path}'").fetchone() == (0,)


def test_damaged_bytes_are_named() -> None:
    data = write_parquet(completions_to_table([completion()]))
    for damaged in (data[:-9], data[100:], b"", b"PAR1PAR1"):
        with pytest.raises(StoreError, match=r"^s3://b/k is damaged"):
            read_parquet(damaged, COMPLETION, "s3://b/k")
    with pytest.raises(StoreError, match=r"^s3://b/k has another schema"):
        read_parquet(data, JUDGEMENT, "s3://b/k")
