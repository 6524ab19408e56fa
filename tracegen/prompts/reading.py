"""From a row of a table to a prompt: what ``columns`` and ``reads`` of a source mean. It reads no file.

Tests of programs are made in ``programs.py``.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from string import ascii_uppercase

from pydantic import ValidationError

from tracegen.extract import last_boxed
from tracegen.prompts.programs import Task, from_cases, from_input_output, from_lists
from tracegen.recipe import TableSource
from tracegen.recipe_reads import (
    AnswerText,
    InputOutput,
    LeaveOut,
    Options,
    ReferenceFrom,
    Rubric,
    TestCases,
    TestLists,
)
from tracegen.references import UnreadableReference
from tracegen.types import AnswerReference, ChoiceReference, Reference, RubricReference

MOST_OPTIONS = len(ascii_uppercase)


class NotAPrompt(Exception):  # noqa: N818 - a fact about a row, not a fault
    """The set leaves this row out; the first argument says why."""


def cell(values: Mapping[str, object], column: str) -> object:
    """A column's value; where there is no such column, what a path of structs and JSON texts leads to."""
    if column in values:
        return values[column]
    first, *inner = column.split(".")
    found = values.get(first)
    for key in inner:
        inside = _loaded(found, as_spelt=True)
        found = inside.get(key) if isinstance(inside, dict) else None
    return found


def refuse_left_out(rules: Iterable[LeaveOut], values: Mapping[str, object]) -> None:
    """Raises NotAPrompt for the first rule that leaves this row out."""
    for rule in rules:
        found = _plain(cell(values, rule.column))
        if found in map(str.casefold, rule.values) or (rule.unless and found not in map(str.casefold, rule.unless)):
            raise NotAPrompt(rule.reason)


def text_of(source: TableSource, values: Mapping[str, object]) -> object:
    """The problem as the row has it, before what its reference adds. Raises NotAPrompt."""
    how = source.reads.text
    found = cell(values, source.columns.text)
    if how.turns:
        found = _turn(found, "user")
    if not isinstance(found, str):
        return found
    if how.prefix or how.suffix:
        found = found.strip().removeprefix(how.prefix.strip()).removesuffix(how.suffix.strip()).strip()
    below = [str(more).strip() for more in (cell(values, column) for column in how.below) if more is not None]
    return "\n\n".join([found, *filter(None, below)])


def reference_of(how: ReferenceFrom, answer: str, values: Mapping[str, object]) -> Task:
    """The reference, and what it adds to the text. Raises NotAPrompt, and UnreadableReference."""
    match how:
        case AnswerText():
            return Task(_answer(how, answer, values))
        case Options():
            return _choice(_texts(cell(values, how.options)), cell(values, how.right))
        case InputOutput():
            starter = cell(values, how.starter) if how.starter else None
            return from_input_output(_loaded(cell(values, how.tests)), starter, how)
        case TestLists():
            return from_lists([cell(values, column) for column in how.tests], how)
        case TestCases():
            return _cases(how, _loaded(cell(values, how.tests)))
        case Rubric():
            return Task(_rubric(how, values))


def _answer(how: AnswerText, answer: str, values: Mapping[str, object]) -> Reference:
    boxed = last_boxed(answer) if answer.startswith("\\boxed") else None
    answer = answer if boxed is None else boxed.strip()
    if not answer:
        raise UnreadableReference("the answer is blank")
    where = how.choice_if
    is_choice = where is not None and _plain(cell(values, where.column)) in map(str.casefold, where.values)
    letter = answer.strip("().: ")
    if is_choice and len(letter) == 1 and letter in ascii_uppercase:
        return ChoiceReference(answer=letter)
    return AnswerReference(answer=answer)


def _choice(options: Sequence[str], right: object) -> Task:
    if not 2 <= len(options) <= MOST_OPTIONS:
        raise UnreadableReference(f"{len(options)} options")
    told = "" if right is None else str(right).strip()
    letters = {**{letter: letter for letter in ascii_uppercase}, **{str(n): c for n, c in enumerate(ascii_uppercase)}}
    letter = letters.get(told)
    if letter is None or letter not in ascii_uppercase[: len(options)]:
        raise UnreadableReference(f"{told[:20]!r} is none of {len(options)} options")
    listed = "\n".join(f"{name}. {text}" for name, text in zip(ascii_uppercase, options, strict=False))
    return Task(ChoiceReference(answer=letter, options=tuple(options)), listed)


def _cases(how: TestCases, found: object) -> Task:
    if not isinstance(found, dict):
        raise UnreadableReference("its tests are no JSON object")
    language = str(found.get("language") or "")
    if language.casefold() not in ("python", "cpp", "c++"):
        raise NotAPrompt(f"programs in {language or 'no language'} are not judged")
    return from_cases(found.get("test_cases"), how)


def _rubric(how: Rubric, values: Mapping[str, object]) -> Reference:
    example = cell(values, how.example) if how.example else None
    if isinstance(example, list):
        example = _turn(example, "assistant")
    try:
        return RubricReference(rubric=how.rubric, example=str(example or "").strip())
    except ValidationError as error:
        raise UnreadableReference(error.errors()[0]["msg"]) from error


def _turn(chat: object, role: str) -> object:
    """What one side says in a chat of one turn each. Raises NotAPrompt for any other chat."""
    turns = [turn for turn in chat if isinstance(turn, dict)] if isinstance(chat, list) else []
    roles = [turn.get("role") for turn in turns]
    if roles not in (["user"], ["user", "assistant"]):
        raise NotAPrompt("a chat of other than one turn each")
    return next((turn.get("content") for turn in turns if turn["role"] == role), None)


def _texts(found: object) -> list[str]:
    found = _loaded(found)
    if not isinstance(found, list) or any(not str(one or "").strip() for one in found):
        raise UnreadableReference("its options are no list of texts")
    return [str(one).strip() for one in found]


def _plain(found: object) -> str:
    return "" if found is None else str(found).strip().casefold()


def _loaded(found: object, *, as_spelt: bool = False) -> object:
    """A value, or what its text is as JSON; None for a text that is none. An answer of 2.50 stays "2.50"."""
    if not isinstance(found, str):
        return found
    try:
        if as_spelt:
            return json.loads(found, parse_int=str, parse_float=str)
        return json.loads(found, parse_constant=_refused)
    except (ValueError, RecursionError):
        return None


def _refused(constant: str) -> None:
    raise ValueError(constant)
