"""Samples into Parquet: row groups cut by bytes, the same rows always the same bytes. Where they go is ``build.py``."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tracegen.corpus.schema import MEASURED, REPETITIVE, SAMPLE

OPTIONS: dict[str, Any] = {
    "compression": "zstd",
    "compression_level": 3,
    "use_dictionary": list(REPETITIVE),
    "write_statistics": list(MEASURED),
    "write_page_index": True,
    "sorting_columns": [pq.SortingColumn(SAMPLE.get_field_index("id"))],
}


def to_parquet(rows: Iterable[dict[str, Any]], row_group_bytes: int) -> bytes:
    """One file, whole. Holds two row groups of rows, and the compressed file once.

    While one row group is compressed, which needs no interpreter, the next one's rows are read and put together.
    """
    sink = BytesIO()  # Arrow's own would double its room as it grows, and the bytes would be a second copy
    with pq.ParquetWriter(sink, SAMPLE, **OPTIONS) as writer, ThreadPoolExecutor(1, "compress") as compressing:
        written = compressing.submit(lambda: None)
        for group in _groups(rows, row_group_bytes):
            table = pa.Table.from_pylist(group, schema=SAMPLE)
            written.result()
            written = compressing.submit(writer.write_table, table, row_group_size=table.num_rows)
        written.result()
    return sink.getvalue()


def _groups(rows: Iterable[dict[str, Any]], row_group_bytes: int) -> Iterator[list[dict[str, Any]]]:
    group: list[dict[str, Any]] = []
    held = 0
    for row in rows:
        size = sum(_bytes(turn["content"]) for turn in row["messages"])
        if group and held + size > row_group_bytes:
            yield group
            group, held = [], 0
        group.append(row)
        held += size
    if group:
        yield group


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
