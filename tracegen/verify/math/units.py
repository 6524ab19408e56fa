r"""An expression and its unit, told apart. What units mean is ``measures.py``; it converts nothing."""

import re
from typing import NamedTuple

from tracegen.verify.math.measures import measure

_TEXT_UNIT = re.compile(r"(?P<value>.+?)(?P<unit>\\text\{(?P<words>[^{}]*)\}(?:\^\{?-?\d\}?\s*)?)", re.DOTALL)
_PLAIN_UNIT = re.compile(
    r"(?P<value>[-+]?(?:[\d./,]+|\\frac\{\d+\}\{\d+\}))\s*(?P<words>mm|cm|dm|km|kg|ml|hz|mph|inch(?:es)?|feet|foot|ft|yards?|miles?|"
    r"met(?:er|re)s?|centimet(?:er|re)s?|kilomet(?:er|re)s?|units?|squareunits?|dollars?|cents?|degrees?|percent|"
    r"seconds?|minutes?|hours?|days?|weeks?|months?|years?|people|students?|times|pounds?|ounces?|grams?|lit(?:er|re)s?)"
    r"(?P<power>\^\{?\d\}?)?",
    re.IGNORECASE,
)
_PLAIN_LETTERS = re.compile(
    r"(?P<value>[-+]?(?:\d+(?:\.\d+)?|\.\d+)(?:\\(?:times|cdot)10\^(?:\{-?\d+\}|\d))?)\s*(?P<words>\^?\\?[A-Za-z].*)",
    re.DOTALL,
)
_MULTIPLIER = re.compile(
    r"hundred|thousand|million|billion|trillion|dozen|half|halves|third|quarter|not|no", re.IGNORECASE
)
_DROPPED = re.compile(r"^(?:only|exactly|about|approximately|is|the|a|an|of|in|per)\b|[^a-z0-9^]")
_SAME = {
    "cms": "cm", "centimeter": "cm", "meter": "m", "metre": "m", "kilometer": "km", "hour": "hr", "h": "hr",
    "hrs": "hr", "sec": "s", "second": "s", "min": "minute", "dollar": "$", "degree": "deg",
    "unit": "", "squareunit": "",
    "percent": "%", "feet": "ft", "foot": "ft", "inche": "inch", "inches": "inch",
}  # fmt: skip


class Quantity(NamedTuple):
    """What a leaf says: a value, the unit it names (empty for none), and whether it stands in percent or degrees."""

    value: str
    unit: str
    percent: bool
    degrees: bool
    words: str = ""
    """The unit as it is written."""


def quantity(text: str) -> Quantity:
    """Split a normalised leaf. Where there is no unit the value is the whole."""
    value, words = _split(text)
    unit = _unit(words)
    percent = value.endswith("%") or unit == "%"
    value = value.removesuffix("%").rstrip(r"\ ")
    bare = re.sub(r"\^(?:\\circ ?|\{\\circ\})$", "", value)
    told = unit not in ("%", "deg")
    return Quantity(value, unit if told else "", percent, bare != value or unit == "deg", words if told else "")


def in_plain_letters(text: str) -> Quantity | None:
    """``5m/s`` read as a number and its unit: for where a unit is expected, and the letters are no variables."""
    match = _PLAIN_LETTERS.fullmatch(text)
    if match is None or measure(match["words"]) is None:
        return None
    return Quantity(match["value"], _unit(match["words"]), False, False, match["words"])


def without_degrees(value: str) -> str:
    """The number before a degree sign that ends the text."""
    return re.sub(r"\^(?:\\circ ?|\{\\circ\})$", "", value)


def _split(text: str) -> tuple[str, str]:
    plain = _PLAIN_UNIT.fullmatch(text)
    if plain:
        return plain["value"], plain["words"] + (plain["power"] or "")
    match = _TEXT_UNIT.fullmatch(text)
    # The value must be mathematics, or prose would lose its second half.
    if match and _MULTIPLIER.search(match["words"]):
        return text, ""
    if match and r"\text" not in match["value"] and any(sign.isdigit() for sign in match["value"]):
        return match["value"].strip(), re.sub(r"\\text\{([^{}]*)\}", r"\1", match["unit"])
    return text, ""


def _unit(words: str) -> str:
    """One spelling of a unit's words, for units that no table knows."""
    bare = _DROPPED.sub("", words.lower().replace(" ", ""))
    bare = bare.removesuffix("s") if len(bare) > 2 and not bare.endswith("ss") else bare
    return _SAME.get(bare, bare)
