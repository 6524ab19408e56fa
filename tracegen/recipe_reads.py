"""How rows of a table become prompts, where columns alone do not say it: closed models, no reading.

A small vocabulary: which rows go, what is put together to the text, and how the reference is made. What each word does
is in ``prompts/reading.py``. A column may be a path into a struct, or into JSON text, as ``reward_model.ground_truth``.
"""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tracegen.types import Value

MOST_TESTS = 32
TEST_BYTES = 100_000


class LeaveOut(Value):
    """Rows that are no prompts, and why: counted by reason in the manifest, and not held against the source."""

    column: str
    values: tuple[str, ...] = ()
    """Rows with one of these go; case does not count, and ``""`` is a blank or missing cell."""
    unless: tuple[str, ...] = ()
    """Rows without one of these go."""
    reason: str = Field(min_length=1)

    @model_validator(mode="after")
    def _one_list(self) -> Self:
        if bool(self.values) == bool(self.unless):
            msg = "give values or unless, one of them"
            raise ValueError(msg)
        return self


class Cells(Value):
    """Rows with one of these values in a column."""

    column: str
    values: tuple[str, ...] = Field(min_length=1)


class TextFrom(Value):
    """What is done to the text of ``columns.text``."""

    turns: bool = False
    """The column is a chat, as ``[{role: user, content: …}, …]``; the user's turn is the text. A row with several
    turns of a user, or with a system prompt, is left out."""
    below: tuple[str, ...] = ()
    """Columns that are put below, after a blank line, where they say something."""
    prefix: str = ""
    """Words before the problem that go: an instruction of the set's own."""
    suffix: str = ""
    """Words after it that go."""


class AnswerText(Value):
    """The answer of ``columns.answer``, and the letter of an option in some rows."""

    how: Literal["answer"]
    choice_if: Cells | None = None
    """In these rows an answer that is one capital letter is the letter of an option that the text lists."""


class Options(Value):
    """A list of options. They are put below the text with letters."""

    how: Literal["options"]
    options: str
    right: str
    """Column with the right one: its letter, or its number from 0."""


class InputOutput(Value):
    """Tests as APPS writes them: JSON with ``inputs``, ``outputs`` and, where a function is asked for, ``fn_name``."""

    how: Literal["input_output"]
    tests: str
    starter: str | None = None
    """Column with the function's signature."""
    most_tests: int = Field(MOST_TESTS, gt=0)
    """Of more, so many are taken, evenly spaced. Ours: a test is a run of its own."""
    test_bytes: int = Field(TEST_BYTES, gt=0)
    """Tests larger than this are not taken. Ours: all references are held in memory while a plan is made."""


class TestLists(Value):
    """Tests as Code Contests has them: structs of two lists, ``input`` and ``output``."""

    __test__ = False  # no class of pytest's

    how: Literal["test_lists"]
    tests: tuple[str, ...] = Field(min_length=1)
    most_tests: int = Field(MOST_TESTS, gt=0)
    """As for ``input_output``."""
    test_bytes: int = Field(TEST_BYTES, gt=0)
    """As for ``input_output``."""


class TestCases(Value):
    """Tests as SYNTHETIC-1 has them: JSON with ``language`` and ``test_cases``, each a call or an input."""

    __test__ = False  # no class of pytest's

    how: Literal["test_cases"]
    tests: str
    most_tests: int = Field(MOST_TESTS, gt=0)
    """As for ``input_output``."""
    test_bytes: int = Field(TEST_BYTES, gt=0)
    """As for ``input_output``."""


class Rubric(Value):
    """No single right answer: a judge reads the answer against a rubric, beside an example where the set has one."""

    how: Literal["rubric"]
    rubric: str = Field(min_length=1)
    example: str | None = None
    """Column with a good answer; of a chat, the assistant's turn."""


ReferenceFrom = Annotated[
    AnswerText | Options | InputOutput | TestLists | TestCases | Rubric, Field(discriminator="how")
]


class Reads(Value):
    """How a row becomes a prompt."""

    text: TextFrom = TextFrom()
    reference: ReferenceFrom | None = None
    """Takes the place of ``columns.answer`` and ``columns.reference``."""
    licence: str | None = None
    """Column with the licence of a row, where the rows of a set differ in it."""
    leave_out: tuple[LeaveOut, ...] = ()

    @property
    def needs_answer(self) -> bool:
        """Whether ``columns.answer`` is read."""
        return self.reference is None or isinstance(self.reference, AnswerText)

    def tests(self) -> tuple[str, ...]:
        """Columns whose numbers are data of programs, not answers."""
        match self.reference:
            case InputOutput() | TestCases():
                return (self.reference.tests,)
            case TestLists():
                return self.reference.tests
        return ()

    def columns(self) -> Iterator[tuple[str, str]]:
        """What is read beside ``columns``: where the recipe says so, and the column or path."""
        yield from (("reads.text.below", column) for column in self.text.below)
        yield from (("reads.leave_out", rule.column) for rule in self.leave_out)
        if self.licence:
            yield "reads.licence", self.licence
        yield from (("reads.reference", column) for column in _of(self.reference))


def _of(reference: "ReferenceFrom | None") -> tuple[str, ...]:
    match reference:
        case AnswerText(choice_if=Cells() as cells):
            return (cells.column,)
        case Options():
            return reference.options, reference.right
        case InputOutput():
            return reference.tests, *([reference.starter] if reference.starter else [])
        case TestLists():
            return reference.tests
        case TestCases():
            return (reference.tests,)
        case Rubric(example=str() as example):
            return (example,)
    return ()
