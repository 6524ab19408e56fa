"""Rows copied for a trainer: turns as ``messages``, an id, whether it thinks, and nothing else. It renders nothing.

One file is made from each of the dataset's, row group by row group, so memory does not grow with the dataset; the same
rows are the same bytes.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tracegen.errors import UserError
from tracegen.training.conversation import Conversation, Unread, needed, read
from tracegen.training.dataset import Dataset, Row
from tracegen.training.trainers import Shape

GROUP_BYTES = 16 * 1024**2
"""Text of a row group."""

MESSAGE = pa.struct(
    [pa.field("role", pa.string(), nullable=False), pa.field("content", pa.large_string(), nullable=False)]
)
FIELDS = {
    "id": pa.field("id", pa.string(), nullable=False),
    "messages": pa.field("messages", pa.list_(pa.field("element", MESSAGE, nullable=False)), nullable=False),
    "thinking": pa.field("thinking", pa.bool_()),
}


@dataclass(slots=True)
class Counts:
    """Of the rows that went by."""

    rows: int = 0
    counted: int = 0
    """Rows that say how many tokens they are, by the count of the engine that made them."""
    over: int = 0
    """Of those, longer than the student's context."""


def to_parquet(dataset: Dataset, shape: Shape, folder: Path, context: int) -> Counts:
    """``train-*.parquet`` in a folder, which is made. Raises UserError for a row without turns of text."""
    counts = Counts()
    folder.mkdir()
    fields = [field for name, field in FIELDS.items() if name in {"id", "messages", *dataset.columns}]
    for number, file in enumerate(dataset.files):
        path = folder / f"train-{number:05d}-of-{len(dataset.files):05d}.parquet"
        one = Dataset(dataset.place, (file,), dataset.system, dataset.columns)
        with pq.ParquetWriter(path, pa.schema(fields), compression="zstd") as writer:
            for group in _groups(_rows(one, shape, context, counts)):
                writer.write_table(pa.Table.from_pylist(group, schema=writer.schema))
    return counts


def to_jsonl(dataset: Dataset, shape: Shape, path: Path, context: int) -> Counts:
    """One file of JSON Lines. Raises UserError for a row without turns of text."""
    counts = Counts()
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in _rows(dataset, shape, context, counts):
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return counts


def counted(dataset: Dataset, context: int) -> Counts:
    """The counts without a copy: reads the columns of token counts only."""
    counts = Counts(rows=dataset.rows)
    if set(TOKENS) <= set(dataset.columns):
        for batch in dataset.batches(TOKENS):
            for row in batch:
                _count(row, context, counts)
    return counts


TOKENS = ("prompt_tokens", "completion_tokens")


def _rows(dataset: Dataset, shape: Shape, context: int, counts: Counts) -> Iterator[Row]:
    for batch in dataset.batches((*needed(shape), *TOKENS)):
        for row in batch:
            counts.rows += 1
            _count(row, context, counts)
            yield _copied(read(row, counts.rows, shape), dataset)


def _count(row: Row, context: int, counts: Counts) -> None:
    tokens = [row.get(name) for name in TOKENS]
    if all(isinstance(number, int) for number in tokens):
        counts.counted += 1
        counts.over += sum(number for number in tokens if number is not None) > context


def _copied(found: Conversation | Unread, dataset: Dataset) -> Row:
    if isinstance(found, Unread):
        raise UserError(f"{dataset.place}: {found.id} has {found.why}", hint="`tracegen lint` finds all such rows")
    row: dict[str, Any] = {"id": found.id, "messages": list(found.turns)}
    return row | {"thinking": found.thinking} if "thinking" in dataset.columns else row


def _groups(rows: Iterator[Row]) -> Iterator[list[Row]]:
    group: list[Row] = []
    held = 0
    for row in rows:
        group.append(row)
        held += sum(len(turn["content"]) for turn in row["messages"])
        if held >= GROUP_BYTES:
            yield group
            group, held = [], 0
    if group:
        yield group


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """A folder that gets its name when the block ends well, and is gone otherwise. Raises UserError where one is."""
    import shutil

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is there already", hint="name another folder with --out, or remove it")
    making = out.with_name(f".{out.name}.making")
    try:
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        yield making
        if out.exists():
            out.rmdir()
        making.rename(out)
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(making, ignore_errors=True)
