"""Anybody's rows: a corpus, an export, or any folder, glob or file of Parquet or JSON Lines, local or on S3.

It streams, with the columns that are asked for, and knows no row's meaning.
"""

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from io import BufferedReader, TextIOWrapper
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from tracegen.errors import UserError, first_line
from tracegen.store.arrow import arrow_files

Row = dict[str, Any]

ROWS_PER_BATCH = 256
PARQUET = (".parquet",)
JSON_LINES = (".jsonl", ".ndjson", ".jsonl.gz")


@dataclass(frozen=True, slots=True)
class File:
    """One file of rows."""

    path: str

    @property
    def is_parquet(self) -> bool:
        return self.path.endswith(PARQUET)


@dataclass(slots=True)
class Dataset:
    """Files of one format, in order of their names."""

    place: str
    """As it was named."""
    files: tuple[File, ...]
    system: Any
    """The ``pyarrow.fs.FileSystem`` that has them."""
    columns: tuple[str, ...] = ()
    """Of the first file; of JSON Lines, of its first row, and ``thinking`` where any row has it."""
    null_columns: tuple[str, ...] = ()
    """Columns, or fields within them as ``a.b``, that have no type: every value is null."""
    rows: int = 0

    def batches(self, wanted: Sequence[str] | None = None) -> Iterator[list[Row]]:
        """Every row, with the columns of ``wanted`` that there are. Raises UserError for what cannot be read."""
        for file in self.files:
            try:
                yield from self._parquet(file, wanted) if file.is_parquet else self._json(file)
            except (pa.ArrowException, OSError, EOFError, gzip.BadGzipFile, UnicodeDecodeError) as error:
                raise UserError(f"{file.path}: cannot be read: {first_line(error)}") from error

    def _parquet(self, file: File, wanted: Sequence[str] | None) -> Iterator[list[Row]]:
        with self.system.open_input_file(file.path) as source, pq.ParquetFile(source, pre_buffer=True) as table:
            names = table.schema_arrow.names
            columns = None if wanted is None else [name for name in wanted if name in names]
            for group in range(table.num_row_groups):  # one at a time, as what is fetched ahead is held
                for batch in table.iter_batches(ROWS_PER_BATCH, row_groups=[group], columns=columns):
                    yield batch.to_pylist()

    def _json(self, file: File) -> Iterator[list[Row]]:
        batch: list[Row] = []
        for number, line in enumerate(self._lines(file), 1):
            if line.strip():
                batch.append(_parsed(line, f"{file.path}, line {number}"))
            if len(batch) == ROWS_PER_BATCH:
                yield batch
                batch = []
        if batch:
            yield batch

    def _lines(self, file: File) -> Iterator[str]:
        with self.system.open_input_file(file.path) as source:
            raw: Any = gzip.GzipFile(fileobj=source) if file.path.endswith(".gz") else source
            yield from TextIOWrapper(BufferedReader(raw, 1 << 20), encoding="utf-8", newline="\n")


def open_dataset(place: str) -> Dataset:
    """The rows at a path, a glob or a folder. Raises UserError where there are none."""
    system, path = arrow_files(place)
    found = _found(system, path)
    parquet = tuple(file for file in found if file.is_parquet)
    files = parquet or tuple(file for file in found if file.path.endswith(JSON_LINES))
    if not files:
        raise UserError(
            f"{place}: no rows there", hint="name a file or a folder of .parquet or .jsonl, or a run of --store"
        )
    dataset = Dataset(place, files, system)
    try:
        _look(dataset)
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            f"{place}: cannot be read: {first_line(error)}", hint="expected Parquet or JSON Lines"
        ) from None
    return dataset


def _found(system: Any, path: str) -> list[File]:
    folder = path if "*" not in path else path[: path.index("*")].rpartition("/")[0] or "."
    try:
        info = system.get_file_info(folder)
        if info.type == fs.FileType.File:
            return [File(path)]
        listed = system.get_file_info(fs.FileSelector(folder, recursive=True, allow_not_found=True))
    except OSError as error:
        raise UserError(f"{path}: cannot be listed: {first_line(error)}") from None
    files = [File(one.path) for one in listed if one.type == fs.FileType.File]
    return sorted((file for file in files if "*" not in path or fnmatch(file.path, path)), key=lambda file: file.path)


def _look(dataset: Dataset) -> None:
    """Columns, and how many rows: from footers, or by counting lines."""
    nulls: dict[str, None] = {}
    for number, file in enumerate(dataset.files):
        if file.is_parquet:
            with dataset.system.open_input_file(file.path) as source, pq.ParquetFile(source) as table:
                dataset.rows += table.metadata.num_rows
                nulls |= dict.fromkeys(_nulls(table.schema_arrow))
                names = tuple(table.schema_arrow.names)
        else:
            lines, names = _counted(dataset, file)
            dataset.rows += lines
        dataset.columns = names if number == 0 else dataset.columns
    dataset.null_columns = tuple(nulls)


def _counted(dataset: Dataset, file: File) -> tuple[int, tuple[str, ...]]:
    columns: tuple[str, ...] = ()
    lines, thinking = 0, False
    for number, line in enumerate(dataset._lines(file), 1):
        if line.strip():
            columns = columns or tuple(_parsed(line, f"{file.path}, line {number}"))
            thinking = thinking or '"thinking"' in line
            lines += 1
    return lines, tuple(dict.fromkeys((*columns, *(["thinking"] if thinking else []))))


def _nulls(fields: Any, above: str = "") -> Iterator[str]:
    for one in fields:
        name = f"{above}{one.name}"
        kind = one.type
        while pa.types.is_list(kind) or pa.types.is_large_list(kind):
            kind = kind.value_type
        if pa.types.is_null(kind):
            yield name
        elif pa.types.is_struct(kind):
            yield from _nulls([kind.field(index) for index in range(kind.num_fields)], f"{name}.")


def _parsed(line: str, where: str) -> Row:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: not JSON: {first_line(error)}", hint="expected JSON Lines") from None
    if not isinstance(row, dict):
        raise UserError(f"{where}: a JSON object is needed, not {type(row).__name__}")
    return cast(Row, row)
