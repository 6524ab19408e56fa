"""Prompt sources: rows of files, hub datasets and generators become prompts, one at a time. Nothing is dropped here.

A row that cannot be used comes out as :class:`Unusable`, so that whoever reads decides and counts. A source that
cannot be read at all raises PromptError, naming the source and the place.
"""

import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from pydantic_core import PydanticSerializationError

from tracegen.errors import PromptError
from tracegen.prompts.hub import hub_rows
from tracegen.prompts.procedural import procedural_rows
from tracegen.prompts.programs import Task
from tracegen.prompts.reading import NotAPrompt, cell, reference_of, refuse_left_out, text_of
from tracegen.prompts.synthetic import synthetic_rows
from tracegen.prompts.tables import Row, jsonl_rows, parquet_rows
from tracegen.recipe import (
    HubSource,
    JsonlSource,
    ParquetSource,
    PromptSource,
    ReasoningGymSource,
    SyntheticSource,
    TableSource,
)
from tracegen.references import UnreadableReference, read_reference
from tracegen.types import AnswerReference, NoReference, Prompt, Reference, prompt_id


@dataclass(frozen=True, slots=True)
class Unusable:
    """A row of a source that gives no prompt, and why."""

    source: str
    source_row: str
    part: Literal["text", "reference", "set"]
    """What cannot be used; ``set`` where the source says itself that such rows are no prompts."""
    reason: str


def rows(source: PromptSource, base: Path) -> Iterator[Prompt | Unusable]:
    """Every row of a source, in its order. ``base`` is where relative paths start."""
    is_empty = True
    for row in islice(_all_rows(source, base), source.limit):
        is_empty = False
        yield row
    if is_empty:
        raise PromptError(f"prompt source {source.name!r} has no rows", hint=f"it reads {origin(source)}")


def origin(source: PromptSource) -> str:
    """A source's place as the recipe gives it."""
    match source:
        case JsonlSource() | ParquetSource():
            return source.path
        case SyntheticSource():
            return f"arithmetic, seed {source.seed}"
        case HubSource():
            return f"{source.dataset}@{source.revision}"
        case _:
            return source.dataset


def _all_rows(source: PromptSource, base: Path) -> Iterator[Prompt | Unusable]:
    match source:
        case ReasoningGymSource():
            return procedural_rows(source)
        case SyntheticSource():
            return synthetic_rows(source)
        case JsonlSource():
            return _prompts(source, jsonl_rows(source, base))
        case ParquetSource():
            return _prompts(source, parquet_rows(source, base))
        case HubSource():
            return _prompts(source, hub_rows(source, base))


def _prompts(source: TableSource, table: Iterator[Row]) -> Iterator[Prompt | Unusable]:
    pattern = _compiled(source)
    for row in table:
        own_id = cell(row.values, source.columns.id) if source.columns.id else None
        place = row.number if own_id is None else _rendered(own_id)
        try:
            yield _prompt(source, pattern, place, row.values)
        except NotAPrompt as why:
            yield Unusable(source.name, place, "set", str(why))


def _prompt(
    source: TableSource, pattern: re.Pattern[str] | None, place: str, values: Mapping[str, object]
) -> Prompt | Unusable:
    refuse_left_out(source.reads.leave_out, values)
    text = text_of(source, values)
    if fault := _fault(text):
        return Unusable(source.name, place, "text", f"column {source.columns.text!r} {fault}")
    try:
        task = _task(source, pattern, values)
    except UnreadableReference as error:
        return Unusable(source.name, place, "reference", str(error))
    problem = "\n\n".join(filter(None, (_rendered(text), task.below)))
    column = source.columns.difficulty
    difficulty = _rendered(cell(values, column)) if column else ""
    return Prompt(
        *(prompt_id(source.domain, problem), source.domain, problem, task.reference, source.name, place),
        *(_licence(source, values), difficulty),
    )


def _licence(source: TableSource, values: Mapping[str, object]) -> str:
    """The row's own where the set has one."""
    own = cell(values, source.reads.licence) if source.reads.licence else None
    return _rendered(own).strip() if own is not None and not _fault(own) else source.licence


def _task(source: TableSource, pattern: re.Pattern[str] | None, values: Mapping[str, object]) -> Task:
    """What the row is judged against, and what its text has to say for it. Raises UnreadableReference and NotAPrompt."""
    how = source.reads.reference
    if how is None:
        return Task(_plain_reference(source, pattern, values))
    answer = _found_answer(source, pattern, values) if source.reads.needs_answer else ""
    try:
        task = reference_of(how, answer, values)
        task.reference.model_dump_json()
    except (UnicodeEncodeError, PydanticSerializationError) as error:
        # JSON can spell half of a surrogate pair; no file of ours can hold it.
        raise UnreadableReference("it is not valid Unicode") from error
    return task


def _plain_reference(source: TableSource, pattern: re.Pattern[str] | None, values: Mapping[str, object]) -> Reference:
    whole = source.columns.reference
    if whole is not None:
        value = cell(values, whole)
        if not isinstance(value, dict) and (fault := _fault(value)):
            raise UnreadableReference(f"column {whole!r} {fault}")
        try:
            return read_reference(value)
        except UnreadableReference as error:
            raise UnreadableReference(f"column {whole!r}: {error}") from error
    if source.columns.answer is None:
        return NoReference()
    return AnswerReference(answer=_found_answer(source, pattern, values))


def _found_answer(source: TableSource, pattern: re.Pattern[str] | None, values: Mapping[str, object]) -> str:
    column = source.columns.answer or ""
    answer = cell(values, column)
    if fault := _fault(answer):
        raise UnreadableReference(f"column {column!r} {fault}")
    found = _answer(pattern, _rendered(answer))
    if not found:
        raise UnreadableReference(f"column {column!r} does not match answer_pattern")
    return found


def _compiled(source: TableSource) -> re.Pattern[str] | None:
    if source.answer_pattern is None:
        return None
    try:
        pattern = re.compile(source.answer_pattern, re.MULTILINE)
    except re.error as error:
        raise PromptError(f"prompt source {source.name!r}: answer_pattern is no regular expression: {error}") from None
    if not pattern.groups:
        raise PromptError(f"prompt source {source.name!r}: answer_pattern has no group", hint="as '#### (.+)$'")
    return pattern


def _answer(pattern: re.Pattern[str] | None, text: str) -> str:
    if pattern is None:
        return text.strip()
    found = deque(pattern.finditer(text), maxlen=1)
    return (found[0][1] or "").strip() if found else ""


def _fault(value: object) -> str:
    if value is None:
        return "is missing"
    if value != value:  # NaN, which is how pandas writes a missing number
        return "is not a number"
    if isinstance(value, dict | list | bytes):
        return f"is {type(value).__name__}, not text"
    shown = _rendered(value)
    if not shown.strip():
        return "is blank"
    try:
        shown.encode()
    except UnicodeEncodeError:
        return "is not valid Unicode"
    return ""


def _rendered(value: object) -> str:
    """A cell as text: text as it is, numbers without loss (a float as Python repeats it, a decimal with its zeros)."""
    return str(value)
