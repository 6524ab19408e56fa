"""What is wrong with a recipe, in one line for a person: pydantic's findings, with dotted paths and nearest names."""

import re
from difflib import get_close_matches
from functools import cache
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tracegen.recipe import Recipe

_PHRASES = {
    r"^(Value error|Assertion failed), ": "",
    r"^(Input|String|Tuple|List|Dictionary) should ": "must ",
    r"^Keys should ": "keys must ",
    r"^Field required$": "is required",
    r", (unable to (parse|interpret)|got a number).*": "",
    r"be a valid integer": "be an integer",
    r"be a valid number": "be a number",
    r"be a valid (string|list|tuple)": r"be a \1",
    r"be a valid (dictionary|mapping).*": "be a mapping",
    r"a tuple\b": "a list",
    r"a string\b": "text",
    r"be a valid boolean": "be true or false",
    r"greater than or equal to": "at least",
    r"less than or equal to": "at most",
    r"have at least 1 (character|item).*": "not be empty",
}
_WITHOUT_INPUT = ("missing", "value_error", "too_short", "string_too_short", "recursion_loop")


def describe(error: ValidationError) -> str:
    """The first problem, unknown keys before others (one explains the key that is missing), and how many more."""
    details = error.errors()
    # A list whose items are wrong is also called too short, since none of them counted.
    broken = {detail["loc"][:depth] for detail in details for depth in range(len(detail["loc"]))}
    details = [detail for detail in details if detail["loc"] not in broken]
    found = sorted(details, key=lambda detail: detail["type"] != "extra_forbidden")
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return _line(found[0]) + more


def _line(detail: ErrorDetails) -> str:
    path, schema = _walk(detail["loc"])
    match detail["type"]:
        case "extra_forbidden":
            parents, _ = _walk(detail["loc"][:-1])
            return f"{_dotted(parents)}unknown key {path[-1]!r}{_nearest(path[-1], _keys(detail['loc'][:-1]))}"
        case "union_tag_not_found":
            return f"{_dotted(path)}{detail['ctx']['discriminator']} is required; {_names(_tags(schema))}"
        case "union_tag_invalid":
            tag = str(detail["ctx"]["tag"])
            key = detail["ctx"]["discriminator"].strip("'")
            return f"{_dotted(path)}unknown {key} {tag!r}{_nearest(tag, _tags(schema))}"
        case "enum" | "literal_error" if path and path[-1] == "[key]":
            return f"{_dotted(path[:-2])}unknown key {detail['input']!r}; {_phrase(detail['msg'])}"
    given = "" if detail["type"] in _WITHOUT_INPUT else f", not {_shown(detail['input'])}"
    return f"{_dotted(path)}{_phrase(detail['msg'])}{given}"


def _phrase(message: str) -> str:
    for pattern, replacement in _PHRASES.items():
        message = re.sub(pattern, replacement, message)
    return message


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _dotted(path: tuple[str, ...]) -> str:
    return f"{'.'.join(path)}: " if path else ""


def _nearest(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; {_names(known)}"


def _names(known: list[str]) -> str:
    return f"known: {', '.join(known)}" if known else "nothing is known here"


# pydantic names a place by keys, positions and, inside a union, the chosen kind; only the JSON Schema tells which is
# which, so the two are walked side by side.


@cache
def _schema() -> dict[str, Any]:
    return Recipe.model_json_schema()


def _walk(location: tuple[int | str, ...]) -> tuple[tuple[str, ...], dict[str, Any]]:
    path: list[str] = []
    schema = _schema()
    for part in location:
        kinds = schema.get("discriminator", {}).get("mapping", {})
        if part in kinds:
            schema = _resolve({"$ref": kinds[part]})
            continue
        path.append(str(part))
        schema = _inside(schema, part)
    return tuple(path), schema


def _inside(schema: dict[str, Any], part: int | str) -> dict[str, Any]:
    if isinstance(part, int):
        return _resolve(schema.get("items", {}))
    inner = schema.get("properties", {}).get(part, schema.get("additionalProperties"))
    return _resolve(inner) if isinstance(inner, dict) else {}


def _resolve(schema: dict[str, Any]) -> dict[str, Any]:
    present = [option for option in schema.get("anyOf", ()) if option != {"type": "null"}]
    schema = present[0] if len(present) == 1 else schema
    if "$ref" not in schema:
        return schema
    definition: dict[str, Any] = _schema()["$defs"][schema["$ref"].rsplit("/", 1)[-1]]
    return definition


def _keys(location: tuple[int | str, ...]) -> list[str]:
    return list(_walk(location)[1].get("properties", {}))


def _tags(schema: dict[str, Any]) -> list[str]:
    return list(schema.get("discriminator", {}).get("mapping", {}))
