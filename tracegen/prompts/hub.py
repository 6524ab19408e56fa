"""Rows of a Hugging Face hub dataset, streamed; a folder laid out as a dataset works offline."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from tracegen.errors import MissingDependency, PromptError, boundary
from tracegen.prompts.tables import Row, require_columns, wanted_columns
from tracegen.recipe import HubSource


def hub_rows(source: HubSource, base: Path) -> Iterator[Row]:
    with boundary(PromptError, f"prompt source {source.name!r}: dataset {source.dataset}"):
        found = iter(_load(source, base))
        if (first := next(found, None)) is None:
            return
        require_columns(source, list(first))
        wanted = set(wanted_columns(source, list(first)))
        for number, row in enumerate(chain([first], found), start=1):
            yield Row(str(number), {key: value for key, value in row.items() if key in wanted})


def _load(source: HubSource, base: Path) -> Any:
    try:
        from datasets import load_dataset
    except ImportError:
        raise MissingDependency(
            f"prompt source {source.name!r} needs the datasets package", hint="pip install datasets"
        ) from None
    folder = base / source.dataset
    if source.files:
        place = folder if folder.is_dir() else f"hf://datasets/{source.dataset}@{source.revision}"
        return load_dataset("json", data_files=f"{place}/{source.files}", split="train", streaming=True)
    if folder.is_dir():
        return load_dataset(str(folder), source.config, split=source.split, streaming=True)
    return load_dataset(source.dataset, source.config, split=source.split, revision=source.revision, streaming=True)
