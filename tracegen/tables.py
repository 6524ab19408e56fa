"""Rows of a file, read and written as a stream: JSON Lines (plain or gzipped), Parquet. It knows no row's meaning."""

import gzip
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any, Literal, Protocol

from tracegen.errors import UserError, first_line

Row = dict[str, Any]
Format = Literal["jsonl", "jsonl.gz", "parquet"]

ROWS_PER_BATCH = 512


_ENDINGS: dict[str, Format] = {
    ".jsonl.gz": "jsonl.gz",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}


def format_of(path: Path) -> Format:
    """By the name's ending. Raises UserError."""
    for ending, format_name in _ENDINGS.items():
        if path.name.lower().endswith(ending):
            return format_name
    raise UserError(f"{path}: unknown format", hint=f"use a name ending in {', '.join(_ENDINGS)}")


def read_batches(path: Path, needed: Sequence[str]) -> Iterator[list[Row]]:
    """Batches of rows that all have the needed columns. Raises UserError, with the line where there is one."""
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    if format_of(path) == "parquet":
        yield from _parquet_batches(path, needed)
    else:
        yield from _json_batches(path, needed)


def _json_batches(path: Path, needed: Sequence[str]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    for row in _json_rows(path, needed):
        batch.append(row)
        if len(batch) == ROWS_PER_BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _json_rows(path: Path, needed: Sequence[str]) -> Iterator[Row]:
    try:
        with _open_text(path) as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _json_row(line, f"{path}, line {number}", needed)
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError) as error:
        raise UserError(f"{path}: {first_line(error)}", hint="expected UTF-8 JSON Lines") from error


def _json_row(line: str, where: str, needed: Sequence[str]) -> Row:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: not JSON: {first_line(error)}") from error
    if not isinstance(row, dict):
        raise UserError(f"{where}: a JSON object is needed, not {type(row).__name__}")
    _need(row.keys(), needed, where)
    return row


def _need(found: Iterable[str], needed: Sequence[str], where: str) -> None:
    columns = list(found)
    missing = [name for name in needed if name not in columns]
    if missing:
        raise UserError(
            f"{where}: no column {', '.join(map(repr, missing))}", hint=f"found: {', '.join(columns) or 'none'}"
        )


def _open_text(path: Path) -> TextIOWrapper:
    opened: Any = gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb")  # noqa: SIM115
    return TextIOWrapper(opened, encoding="utf-8", newline="\n")


def _parquet_batches(path: Path, needed: Sequence[str]) -> Iterator[list[Row]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as table:
            _need(table.schema_arrow.names, needed, str(path))
            for batch in table.iter_batches(batch_size=ROWS_PER_BATCH):
                yield batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: {first_line(error)}", hint="expected a Parquet file") from error


class Writer(Protocol):
    """Takes rows in order."""

    def write(self, rows: Sequence[Row]) -> None: ...


@contextmanager
def writing(path: Path) -> Iterator[Writer]:
    """A file that appears whole when the block ends well, and not at all otherwise. Raises UserError."""
    kind = format_of(path)
    if not path.parent.is_dir():
        raise UserError(f"{path}: the folder {path.parent} does not exist")
    if path.is_dir():
        raise UserError(f"{path}: is a folder")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with _WRITERS[kind](temporary) as writer:
            yield writer
        temporary.replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {first_line(error)}") from error
    finally:
        temporary.unlink(missing_ok=True)


class _JsonWriter:
    def __init__(self, lines: IO[bytes] | gzip.GzipFile) -> None:
        self._lines = lines

    def write(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self._lines.write(_line(row))


def _line(row: Row) -> bytes:
    try:
        return json.dumps(row, ensure_ascii=False, default=str).encode() + b"\n"
    except UnicodeEncodeError:
        # Half of a surrogate pair, which JSON can spell and UTF-8 cannot.
        return json.dumps(row, default=str).encode() + b"\n"


@contextmanager
def _json_writer(path: Path) -> Iterator[Writer]:
    with path.open("wb") as lines:
        yield _JsonWriter(lines)


@contextmanager
def _gzip_writer(path: Path) -> Iterator[Writer]:
    # No name and no time in the header: the same rows are the same bytes.
    with path.open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as lines:
        yield _JsonWriter(lines)


class _ParquetWriter:
    """The first rows decide the schema; columns that are null in all of them are text."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.opened: Any = None

    def write(self, rows: Sequence[Row]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            if self.opened is None:
                self.opened = pq.ParquetWriter(self._path, _schema(rows))
            self.opened.write_table(pa.Table.from_pylist(rows, schema=self.opened.schema))
        except (pa.ArrowException, OverflowError) as error:
            hint = "write .jsonl where rows are not of one type"
            raise UserError(f"rows do not fit one Parquet schema: {first_line(error)}", hint=hint) from error


def _schema(rows: Sequence[Row]) -> Any:
    import pyarrow as pa

    inferred = pa.Table.from_pylist(rows).schema
    fields = [field.with_type(pa.large_string()) if _is_text(field.type) else field for field in inferred]
    return pa.schema(fields)


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_null(kind) or pa.types.is_string(kind))


@contextmanager
def _parquet_writer(path: Path) -> Iterator[Writer]:
    writer = _ParquetWriter(path)
    try:
        yield writer
    finally:
        if writer.opened is not None:
            writer.opened.close()


_WRITERS = {"jsonl": _json_writer, "jsonl.gz": _gzip_writer, "parquet": _parquet_writer}
