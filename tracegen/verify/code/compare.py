"""Whether what a program printed is what it should have printed. Bytes in, a difference out; it runs nothing.

Rules. Lines are compared in order, tokens within a line in order. White space between and around tokens does not
count, nor do blank lines; all else does: letters' case, a missing or an extra line, the number of tokens. Tokens are
equal as bytes, so output that is no UTF-8 is just wrong. One exception: where the expected token is a number with a
point or an exponent, a number close to it is right. NaN and infinities are text, and no number is close to them.
"""

import math
import re
from collections.abc import Iterator
from itertools import zip_longest

MAX_EXCERPT = 80
ABSOLUTE = 1e-6
RELATIVE = 1e-9

_NUMBER = re.compile(rb"[+-]?(?:\d+(?:\.(\d*))?|\.(\d+))(?:[eE][+-]?\d{1,3})?")


def difference(expected: bytes, output: bytes) -> str:
    """The first difference, for people; an empty string where there is none."""
    if expected.strip() == output.strip():
        return ""
    for number, (wanted, found) in enumerate(zip_longest(_lines(expected), _lines(output)), 1):
        if wanted is None:
            return f"more than the {number - 1} expected lines, {excerpt(found or b'')}"
        if found is None:
            return f"line {number} is missing, {excerpt(wanted)}"
        if wanted != found and not _same_tokens(wanted.split(), found.split()):
            return f"line {number} is {excerpt(found)}, not {excerpt(wanted)}"
    return ""


def close(expected: bytes, output: bytes) -> bool:
    """Whether two tokens are one number, by how exactly the expected one is written.

    A number below 1 may differ by a millionth of itself, one up to 1,000 by 1e-6, a larger one by 1e-9 of itself; each
    by half a unit of the last digit that the expected token has, but at most by 1e-6 for that; each by 1e-9.
    """
    wanted, found = _NUMBER.fullmatch(expected), _NUMBER.fullmatch(output)
    if not wanted or not found or not re.search(rb"[.eE]", expected) or max(len(expected), len(output)) > 400:
        return False
    number, other = float(expected), float(output)
    if not math.isfinite(number) or not math.isfinite(other):
        return False
    size = abs(number)
    allowed = max(RELATIVE, RELATIVE * size, ABSOLUTE * min(size, 1.0), min(ABSOLUTE, _rounding(wanted, expected)))
    return abs(number - other) <= allowed * (1 + 1e-9)


def excerpt(text: bytes) -> str:
    """Something to show of it, on one line."""
    shown = text[:MAX_EXCERPT].decode(errors="backslashreplace")
    return repr(shown) + ("…" if len(text) > MAX_EXCERPT else "")


def _rounding(match: "re.Match[bytes]", token: bytes) -> float:
    if re.search(rb"[eE]", token):
        return 0.0
    return float(0.5 * 10.0 ** -len(match[1] or match[2] or b""))


def _same_tokens(wanted: list[bytes], found: list[bytes]) -> bool:
    pairs = zip(wanted, found, strict=False)
    return len(wanted) == len(found) and all(left == right or close(left, right) for left, right in pairs)


def _lines(text: bytes) -> Iterator[bytes]:
    """Lines that are not blank, without white space around; one at a time, for outputs are long."""
    at = 0
    while at < len(text):
        end = text.find(b"\n", at)
        end = len(text) if end < 0 else end
        if line := text[at:end].strip():
            yield line
        at = end + 1
