"""References as rows hold them: text, a number, an object with a ``kind``, or such an object as JSON text."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tracegen.errors import first_line
from tracegen.types import AnswerReference, NoReference, Reference

_REFERENCE: TypeAdapter[Reference] = TypeAdapter(Reference)


class UnreadableReference(Exception):  # noqa: N818 - a fact about a row, not a fault
    """The reference of a row cannot be read; the first argument says why."""


def read_reference(value: Any) -> Reference:
    """A reference from a cell. Raises UnreadableReference."""
    if value is None:
        return NoReference()
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = _object(value)
    if isinstance(value, Mapping):
        # A Parquet struct has every field of every kind; those of other kinds are null.
        given = {key: field for key, field in value.items() if field is not None}
        try:
            json.dumps(given, ensure_ascii=False, default=str).encode()
            return _REFERENCE.validate_python(given)
        except ValidationError as error:
            raise UnreadableReference(_first_problem(error)) from error
        except UnicodeEncodeError as error:
            # JSON can spell half of a surrogate pair; no file of ours can hold it.
            raise UnreadableReference("it is not valid Unicode") from error
    if isinstance(value, (str, int, float)) and not isinstance(value, bool) and str(value).strip():
        return AnswerReference(answer=str(value))
    raise UnreadableReference(f"an answer or an object with a kind is needed, not {value!r:.60}")


def _object(text: str) -> Any:
    """The object that a text is, if it is one with a kind; LaTeX begins with a brace, too."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, dict) and "kind" in value else text


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"])
    return f"{where}: {problem['msg']}" if where else first_line(ValueError(problem["msg"]))
