"""Rows of JSON Lines and Parquet files, local or on S3. What the columns mean is ``sources.py``."""

import gzip
import json
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from glob import glob, has_magic
from pathlib import Path
from typing import IO, BinaryIO, NamedTuple, cast

import pyarrow as pa
import pyarrow.parquet as pq

from tracegen.errors import PromptError, UserError, boundary
from tracegen.recipe import Benchmark, Columns, JsonlSource, ParquetSource, TableSource
from tracegen.store import open_store, open_uri
from tracegen.types import Domain

ROWS_PER_BATCH = 1024
GZIP_MAGIC = b"\x1f\x8b"


class Row(NamedTuple):
    """One row of a source."""

    number: str
    """For a person: its number from 1, after the file's name where there are several files."""
    values: Mapping[str, object]


def locate(path: str, base: Path) -> str:
    """A path of a recipe as a path or URI that can be opened."""
    return path if path.startswith("s3://") else str(base / path)


def jsonl_rows(source: JsonlSource, base: Path) -> Iterator[Row]:
    where = f"prompt source {source.name!r}: {source.path}"
    data_columns = {source.columns.reference or "", *(path.partition(".")[0] for path in source.reads.tests())}
    with open_uri(locate(source.path, base)) as stream, boundary(PromptError, where):
        numbered = enumerate(_unpacked(stream), start=1)
        lines = ((number, line) for number, line in numbered if line.strip())
        for position, (number, line) in enumerate(lines):
            values = _json_object(line, f"{where}, line {number}")
            for column in data_columns & values.keys():
                # Its numbers are data of a scorer, not answers that have to stay as they are spelt.
                values[column] = json.loads(line.decode("utf-8-sig"))[column]
            if position == 0:
                require_columns(source, list(values))
            yield Row(str(number), values)


def parquet_rows(source: ParquetSource, base: Path) -> Iterator[Row]:
    files = parquet_files(source, base)
    for uri in files:
        with open_uri(uri) as stream, boundary(PromptError, f"prompt source {source.name!r}: {uri}"):
            prefix = f"{uri.rsplit('/', 1)[-1]}:" if len(files) > 1 else ""
            for number, values in enumerate(_parquet_values(source, stream), start=1):
                yield Row(f"{prefix}{number}", values)


def parquet_files(source: ParquetSource, base: Path) -> list[str]:
    """The files that a Parquet source means, in order. Raises PromptError when a glob meets none."""
    place = locate(source.path, base)
    if not has_magic(source.path):
        return [place]
    found = _s3_glob(place) if place.startswith("s3://") else _local_glob(place)
    if not found:
        raise PromptError(f"prompt source {source.name!r}: no file matches {source.path}", hint=f"looked in {base}")
    return found


def texts(benchmark: Benchmark, base: Path) -> Iterator[tuple[str, str]]:
    """Row number and text of each cell of a benchmark's columns that holds text. Raises PromptError."""
    for column in benchmark.columns:
        source = as_source(benchmark, column)
        rows = parquet_rows(source, base) if isinstance(source, ParquetSource) else jsonl_rows(source, base)
        try:
            for row in rows:
                if isinstance(cell := row.values.get(column), str) and cell.strip():
                    yield row.number, cell
        except UserError as error:
            message = error.message.removeprefix(f"prompt source {source.name!r}").removeprefix(":").strip()
            raise PromptError(f"benchmark {benchmark.name!r}: {message}", hint=error.hint) from error


def as_source(benchmark: Benchmark, column: str) -> JsonlSource | ParquetSource:
    """One column of a benchmark, as a source that can be read."""
    columns = Columns(text=column, answer=column)
    name, path = benchmark.name.replace(".", "-"), benchmark.path
    if path.endswith(".parquet"):
        return ParquetSource(kind="parquet", name=name, domain=Domain.GENERAL, path=path, columns=columns)
    return JsonlSource(kind="jsonl", name=name, domain=Domain.GENERAL, path=path, columns=columns)


def require_columns(source: TableSource, found: list[str]) -> None:
    """Raises PromptError, with the columns that there are, when one that the recipe maps is missing."""
    for key, column in _named(source):
        if column not in found and column.partition(".")[0] not in found:
            shown = ", ".join(found[:12]) + (", …" if len(found) > 12 else "")
            by = f", with set {source.set!r}" if source.set else ""
            raise PromptError(
                f"prompt source {source.name!r} has no column {column!r} ({key}{by})", hint=f"it has: {shown}"
            )


def wanted_columns(source: TableSource, found: list[str]) -> list[str]:
    """Of the columns that there are, those that are read, each once."""
    paths = [column for _, column in _named(source)]
    return list(dict.fromkeys(path if path in found else path.partition(".")[0] for path in paths))


def _named(source: TableSource) -> Iterator[tuple[str, str]]:
    """What the recipe maps: no id column that it does not name, and no answer where another reference stands."""
    reads_answer = source.columns.reference is None and source.reads.needs_answer
    for key, column in source.columns:
        if column is not None and (key != "answer" or reads_answer):
            yield f"columns.{key}", column
    yield from source.reads.columns()


def _unpacked(stream: BinaryIO) -> IO[bytes]:
    is_packed = stream.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    stream.seek(0)
    return cast(IO[bytes], gzip.GzipFile(fileobj=stream, mode="rb")) if is_packed else stream


def _json_object(line: bytes, where: str) -> dict[str, object]:
    # Numbers stay as they are spelt: an answer of 2.50 is "2.50", and one of 30 digits keeps them all.
    try:
        value = json.loads(line.decode("utf-8-sig"), parse_int=str, parse_float=str)
    except UnicodeDecodeError as error:
        raise PromptError(f"{where}: not UTF-8 (byte {error.start})") from None
    except json.JSONDecodeError as error:
        raise PromptError(f"{where}: not JSON ({error.msg} at column {error.colno})") from None
    except RecursionError:
        raise PromptError(f"{where}: JSON nested too deeply") from None
    if not isinstance(value, dict):
        raise PromptError(f"{where}: a row is a JSON object, not {type(value).__name__}")
    return value


def _parquet_values(source: ParquetSource, stream: BinaryIO) -> Iterator[Mapping[str, object]]:
    file = pq.ParquetFile(pa.PythonFile(stream, mode="r"))
    found = file.schema_arrow.names
    require_columns(source, found)
    wanted = wanted_columns(source, found)
    for batch in file.iter_batches(ROWS_PER_BATCH, columns=wanted):
        yield from batch.to_pylist()


def _local_glob(pattern: str) -> list[str]:
    return sorted(glob(pattern, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern


def _s3_glob(uri: str) -> list[str]:
    folder = uri[: next(at for at, sign in enumerate(uri) if sign in "*?[")].rpartition("/")[0]
    keys = (f"{folder}/{found.key}" for found in open_store(folder).list(""))
    return [key for key in keys if fnmatchcase(key, uri)]
