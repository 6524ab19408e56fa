r"""Numbers read exactly: integers, decimals, fractions, mixed numbers, powers of ten. No floats and no sympy."""

import re
from dataclasses import dataclass
from fractions import Fraction

from tracegen.types import Outcome, Verdict

MAX_DIGITS = 400
MAX_POWER_OF_TEN = 400

_DECIMAL = r"\d+(?:\.\d*)?|\.\d+"
_NUMBER = re.compile(
    rf"""(?P<sign>[-+]*)(?:
        (?P<decimal>{_DECIMAL})(?:(?:(?:\\times|\\cdot|\*)10\^|[eE](?=\d|(?<=\.\d[eE])|(?<=\.\d\d[eE])|(?<=\.\d\d\d[eE])))(?P<power>[-+]?\d+|\{{-?\d+\}}|\(-?\d+\)))?
      | (?P<mixed>\d+)?\\frac\{{(?P<top_sign>-?)(?P<top>\d+)\}}\{{(?P<bottom>\d+)\}}
      | (?P<short_mixed>\d+)?\\frac(?P<short_top>\d)(?P<short_bottom>\d)
      | (?P<over>{_DECIMAL})/(?P<under>{_DECIMAL})
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Number:
    """A rational number, and how it was written."""

    value: Fraction
    decimals: int = 0
    """Digits after the decimal point; 0 for what is no decimal."""
    digits: int = 0
    """Significant digits of a decimal."""


def read(text: str) -> Number | None:
    """The number that a normalised text is, if it is one and of a sane size."""
    match = _NUMBER.fullmatch(text) if len(text) <= MAX_DIGITS and not text.startswith("00") else None
    if match is None:
        return None
    sign = -1 if match["sign"].count("-") % 2 else 1
    if match["decimal"]:
        return _decimal(sign, match["decimal"], match["power"])
    if match["over"]:
        return _over(sign * Fraction(match["over"]), Fraction(match["under"]))
    whole = match["mixed"] or match["short_mixed"] or "0"
    top, bottom = match["top"] or match["short_top"], match["bottom"] or match["short_bottom"]
    if match["top_sign"] and (whole != "0"):
        return None
    top_sign = -1 if match["top_sign"] else 1
    return _over(sign * (int(whole) * int(bottom) + top_sign * int(top)), int(bottom))


def _decimal(sign: int, decimal: str, power: str | None) -> Number | None:
    exponent = int(power.strip("{}()")) if power and len(power) < 8 else 0
    if power and (len(power) >= 8 or abs(exponent) > MAX_POWER_OF_TEN):
        return None
    decimals = len(decimal.partition(".")[2])
    digits = len(decimal.replace(".", "").lstrip("0"))
    return Number(sign * Fraction(decimal) * Fraction(10) ** exponent, 0 if power else decimals, digits)


def _over(top: Fraction | int, bottom: Fraction | int) -> Number | None:
    return Number(Fraction(top) / bottom) if bottom else None


def terminates(value: Fraction) -> bool:
    """Whether it can be written as a finite decimal: then rounding it would have been needless."""
    bottom = value.denominator
    for prime in (2, 5):
        while bottom % prime == 0:
            bottom //= prime
    return bottom == 1


def half_unit(reference: Number) -> Fraction:
    """Half a unit in the last decimal place that a reference was written with."""
    return Fraction(1, 2 * 10**reference.decimals)


def is_rounding(reference: Number) -> bool:
    """Whether a reference was written as a decimal with enough digits to tell answers apart after rounding."""
    return reference.decimals >= 2 and reference.digits >= 3


def compare(mine: Number, theirs: Number, percent: bool = False, their_percent: bool = False) -> Verdict:
    """Two rationals. 50 and 50% are the same answer, as are 50% and 1/2; 0.5 and 0.5% may not be."""
    same = mine.value == theirs.value
    if same and percent != their_percent and abs(mine.value) <= 1:
        return Verdict(Outcome.UNDECIDED, "percent")
    if percent != their_percent:
        same = same or (mine.value / 100 == theirs.value if percent else mine.value == theirs.value / 100)
    if same:
        return Verdict(Outcome.CORRECT, "equal")
    scale = 100 if percent and not their_percent else 1
    error = abs(mine.value - theirs.value * scale)
    if error <= 2 * half_unit(mine) and mine.decimals:
        # A reference that is a rounded decimal stands for a value that no decimal writes.
        if rounds(mine, error, percent) and not theirs.decimals and not terminates(theirs.value):
            return Verdict(Outcome.CORRECT, "rounds_to_reference")
        return Verdict(Outcome.UNDECIDED, "rounded")
    if theirs.decimals and abs(mine.value - theirs.value) <= 2 * half_unit(theirs):
        return Verdict(Outcome.UNDECIDED, "rounded")
    return Verdict(Outcome.INCORRECT, "different")


def rounds(reference: Number, error: Fraction, percent: bool) -> bool:
    """Whether rounding to a decimal reference explains an error, and the decimal has digits enough to say so."""
    enough = is_rounding(reference) or (percent and reference.digits >= 3)
    return enough and error <= half_unit(reference)
