r"""Reads what an answer is made of: text in, shapes out. It compares nothing: see ``compare.py``."""

import re
from itertools import pairwise

from tracegen.verify.math import exact
from tracegen.verify.math.shapes import TURNED, Chain, Items, Leaf, Named, Relation, Shape, Union

MAX_ITEMS = 100
MAX_NESTING = 40

_OPENING = frozenset("([{")
_CLOSING = frozenset(")]}")
_PIECE = re.compile(r"\\[{}]|\\[A-Za-z]+|\\.|.", re.DOTALL)
_NAME = re.compile(
    r"""(?:
        (?:\\angle\ ?)? (?:\\[A-Za-z]+|[A-Z]{1,4}|[A-Za-z]|[A-Za-z]{4,})
        (?:_(?:\\?\w+|\{[^{}]*\}))? \ ?'* (?:\([^()=]{1,20}\))?
      | \\text\{[^{}]*\}
    )""",
    re.VERBOSE,
)
_NAMES = re.compile(rf"\({_NAME.pattern}(?:,{_NAME.pattern})+\)", re.VERBOSE)
_LETTER = re.compile(r"(?:\\[A-Za-z]+|[A-Za-z])(?:_(?:\w|\{\w+\}))? ?")
_ORDER = {"<": "<", r"\le": "<=", ">": ">", r"\ge": ">="}
_RELATIONS = frozenset({"=", r"\ne", r"\in", r"\approx", *_ORDER})
_MATRIX = re.compile(r"\\begin\{([pb]?matrix)\}(.*)\\end\{\1\}", re.DOTALL)
_BRACKETS = {("(", ")"), ("(", "]"), ("[", ")"), ("[", "]"), (r"\{", r"\}"), (r"\langle", r"\rangle"), ("{", "}")}
_REALS = frozenset({r"\mathbb{R}", r"\mathbb R", r"\R", r"\text{all real numbers}"})
_REALS_BUT = re.compile(r"(?:\\mathbb\{R\}|\\mathbb R|\\R)\s*(?:\\setminus\s*|-)\\\{(.+)\\\}", re.DOTALL)
_POINT = re.compile(r"([A-Z])(\(.+,.+\))", re.DOTALL)
_COUNTS = re.compile(r"\(\s*[\dnk]+\s*,\s*[\dnk]+\s*\)")
_TEXT_LIST = re.compile(r"\\text\{([^{}\\]*,[^{}\\]*)\}")
_WHOLE_NUMBER = re.compile(r"[,(]*(?:\\text\{(?:where|for)\})?\(?[a-z] ?\\in ?(?:\\mathbb\{?Z\}?|Z)\)?$")


def parse(text: str, depth: int = 0) -> Shape:
    """The shape of a normalised text. Total: what it cannot take apart is a leaf."""
    if depth > MAX_NESTING:
        return Leaf(text)
    if depth == 0:
        text = _WHOLE_NUMBER.sub("", text)
    if listed_text := _TEXT_LIST.fullmatch(text):
        text = listed_text[1]
    if text in _REALS:
        return _half_line("<", r"\infty")
    listed = _split(text, {",", ";"})
    if len(listed) > 1:
        return Items(_spread(listed, depth))
    for read in (_approximation, _relation, _joined, _without_points, _both_signs, _bracketed, _point):
        shape = read(text, depth)
        if shape is not None:
            return shape
    return Leaf(text)


def _item(text: str, depth: int) -> Shape:
    return parse(text, depth + 1)


def _spread(parts: list[str], depth: int) -> tuple[Shape, ...]:
    """The items of a list or set; ``±1`` among them is two."""
    items: list[Shape] = []
    for part in parts:
        both = _both_signs(part, depth)
        items += both.items if isinstance(both, Items) else [_item(part, depth)] if part else []
    return tuple(items)


def _split(text: str, signs: set[str] | frozenset[str]) -> list[str]:
    """Cut at signs that stand outside of all brackets."""
    return _cut(text, signs)[0]


def _cut(text: str, signs: set[str] | frozenset[str]) -> tuple[list[str], list[str]]:
    if not any(sign in text for sign in signs):
        return [text], []
    parts, found, begin, depth = [], [], 0, 0
    for piece in _PIECE.finditer(text):
        sign = piece[0]
        bare = sign.lstrip("\\") if len(sign) < 3 else sign
        depth += (bare in _OPENING or sign == r"\langle") - (bare in _CLOSING or sign == r"\rangle")
        if depth == 0 and sign in signs:
            parts.append(text[begin : piece.start()].strip())
            found.append(sign)
            begin = piece.end()
    return [*parts, text[begin:].strip()], found


def _approximation(text: str, depth: int) -> Shape | None:
    r"""``x = \frac{2}{3} \approx 0.67`` says its value twice; the name stays outside."""
    parts = _split(text, {r"\approx"})
    if len(parts) == 2 and not parts[0]:
        return _item(parts[1], depth)
    if len(parts) != 2 or not all(parts):
        return None
    shape = _item(parts[0], depth)
    if isinstance(shape, Named) and isinstance(shape.value, Leaf):
        return Named(shape.name, Relation(r"\approx", shape.value.text, parts[1]))
    return Relation(r"\approx", *parts)


def _relation(text: str, depth: int) -> Shape | None:
    sides, signs = _cut(text, _RELATIONS)
    if not signs:
        return None
    if set(signs) <= _ORDER.keys():
        return _inequality(sides, signs)
    if len(set(signs)) > 1 or not all(sides):
        return Leaf(text)
    if signs[0] == "=":
        return _equality(sides, depth)
    if signs == [r"\ne"] and _LETTER.fullmatch(sides[0]):
        return Named(sides[0].strip(), _all_but([sides[1]]))
    if signs == [r"\in"] and _LETTER.fullmatch(sides[0]):
        return Named(sides[0].strip(), _item(sides[1], depth))
    return Relation(signs[0], sides[0], sides[1]) if len(signs) == 1 else Leaf(text)


def _equality(sides: list[str], depth: int) -> Shape:
    *names, value = sides
    if all(_NAMES.fullmatch(name) for name in names) and len(names) == 1:
        return _named_tuple(names[0], _item(value, depth))
    if all(_NAME.fullmatch(name) for name in names):
        return Named("=".join(name.strip() for name in names), _item(value, depth))
    if len(sides) == 2:
        return Relation("=", *sides)
    if _NAME.fullmatch(names[0]):
        # x = 1/2 = 0.5: every part after the name must hold.
        return Named(names[0], Relation("==", "=".join(sides[1:-1]), value))
    return Leaf("=".join(sides))


def _named_tuple(names: str, value: Shape) -> Shape:
    listed = _split(names[1:-1], {","})
    if isinstance(value, Items) and value.ordered and len(value.items) == len(listed):
        return Items(tuple(Named(name, item) for name, item in zip(listed, value.items, strict=True)), "(", ")")
    return Named(names, value)


def _inequality(sides: list[str], signs: list[str]) -> Shape:
    ways = [_ORDER[sign] for sign in signs]
    if len(sides) == 3 and _LETTER.fullmatch(sides[1]) and len({way[0] for way in ways}) == 1:
        low, high = (sides[0], sides[2]) if ways[0][0] == "<" else (sides[2], sides[0])
        first, second = ways if ways[0][0] == "<" else ways[::-1]
        return Named(sides[1].strip(), _interval(low, high, len(first) > 1, len(second) > 1))
    if len(sides) == 2 and _LETTER.fullmatch(sides[0]):
        return Named(sides[0].strip(), _half_line(ways[0], sides[1]))
    if len(sides) == 2 and _LETTER.fullmatch(sides[1]):
        return Named(sides[1].strip(), _half_line(TURNED[ways[0]], sides[0]))
    return Chain(tuple(ways), tuple(sides))


def _half_line(way: str, bound: str) -> Items:
    if way[0] == "<":
        return _interval(r"-\infty", bound, False, len(way) > 1)
    return _interval(bound, r"\infty", len(way) > 1, False)


def _interval(low: str, high: str, with_low: bool, with_high: bool) -> Items:
    return Items((Leaf(low), Leaf(high)), "[" if with_low else "(", "]" if with_high else ")")


def _joined(text: str, depth: int) -> Shape | None:
    parts = _split(text, {r"\cup"})
    if len(parts) < 2 or not all(parts):
        return None
    return Union(tuple(_item(part, depth) for part in parts))


def _without_points(text: str, _: int) -> Shape | None:
    r"""``\mathbb{R}\setminus\{0, 1\}``."""
    match = _REALS_BUT.fullmatch(text)
    points = _split(match[1], {",", ";"}) if match else []
    numbers = {point: exact.read(point) for point in points}
    if len(points) == 1:
        return _all_but(points)
    if not points or not all(numbers.values()):
        return None
    return _all_but(sorted(points, key=lambda point: number.value if (number := numbers[point]) else 0))


def _all_but(points: list[str]) -> Union:
    """The reals without some points, which are in order."""
    bounds = [r"-\infty", *points, r"\infty"]
    return Union(tuple(_interval(low, high, False, False) for low, high in pairwise(bounds)))


def _point(text: str, depth: int) -> Shape | None:
    """``A(1,2)``: a point and its name. ``C(5,2)`` may be a number of combinations."""
    match = _POINT.fullmatch(text)
    if match is None or (match[1] in "CP" and _COUNTS.fullmatch(match[2])):
        return None
    value = _bracketed(match[2], depth)
    return Named(match[1], value) if isinstance(value, Items) and value.ordered else None


def _bracketed(text: str, depth: int) -> Shape | None:
    if matrix := _MATRIX.fullmatch(text):
        return _matrix(matrix[2], depth)
    pieces = list(_PIECE.finditer(text))
    if len(pieces) < 3 or (pieces[0][0], pieces[-1][0]) not in _BRACKETS or not _encloses(pieces):
        return None
    inner = text[pieces[0].end() : pieces[-1].start()].strip()
    opening, closing = pieces[0][0], pieces[-1][0]
    if opening == r"\{" and (builder := _builder(inner, depth)):
        return builder
    parts = _split(inner, {",", ";"})
    if opening == "{":  # a group in LaTeX, and a set in plain text where it lists
        opening, closing = (r"\{", r"\}") if len(parts) > 1 else ("(", ")")
    if len(parts) == 1 and opening != r"\{":
        return _item(inner, depth) if opening == "(" and closing == ")" else None
    if opening == r"\langle":
        opening, closing = "(", ")"
    if opening == r"\{":
        return Items(_spread(parts, depth), opening, closing)
    return Items(tuple(_item(part, depth) for part in parts), opening, closing)


def _encloses(pieces: list[re.Match[str]]) -> bool:
    """Whether the first bracket is closed by the last, not before."""
    depth = 0
    for piece in pieces[:-1]:
        sign = piece[0]
        bare = sign.lstrip("\\") if len(sign) < 3 else sign
        depth += (bare in _OPENING or sign == r"\langle") - (bare in _CLOSING or sign == r"\rangle")
        if depth <= 0:
            return False
    return depth == 1


def _builder(inner: str, depth: int) -> Shape | None:
    r"""``\{x | condition\}``: the condition, where it is one that names x."""
    for sign in ("|", ":"):
        parts = _split(inner, {sign})
        if len(parts) == 2 and (letter := _LETTER.match(parts[0])):
            shape = _item(parts[1], depth)
            if isinstance(shape, Named) and shape.name == letter[0].strip():
                return shape
            return Relation("|", parts[0], parts[1])
    return None


def _matrix(body: str, depth: int) -> Shape:
    rows = [[_item(cell, depth) for cell in row.split("&")] for row in re.split(r"\\\\", body) if row.strip()]
    if all(len(row) == 1 for row in rows):
        return Items(tuple(row[0] for row in rows), "(", ")")
    return Items(tuple(Items(tuple(row), "(", ")") for row in rows), "(", ")")


def _both_signs(text: str, depth: int) -> Shape | None:
    signs = (r"\pm", r"\mp")
    if sum(text.count(sign) for sign in signs) != 1 or text.startswith(r"\{") or len(_split(text, _RELATIONS)) > 1:
        return None
    sign = signs[0] if signs[0] in text else signs[1]
    return Items(tuple(_item(text.replace(sign, one).lstrip("+"), depth) for one in ("+", "-")))
