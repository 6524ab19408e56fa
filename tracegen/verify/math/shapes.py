r"""What an answer is made of: lists, tuples, sets, intervals, unions, equations, named values; leaves are expressions.

Values only: ``structure.py`` reads them, ``compare.py`` compares them.
"""

from dataclasses import dataclass
from typing import TypeAlias

TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
"""An order, read from the right."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """An expression, or text that nothing here takes apart."""

    text: str


@dataclass(frozen=True, slots=True)
class Items:
    """Several values. Bare and in braces the order is free; in other brackets it is not."""

    items: "tuple[Shape, ...]"
    opening: str = ""
    closing: str = ""

    @property
    def ordered(self) -> bool:
        return self.opening not in ("", r"\{")


@dataclass(frozen=True, slots=True)
class Union:
    """Intervals and sets, joined."""

    parts: "tuple[Shape, ...]"


@dataclass(frozen=True, slots=True)
class Named:
    r"""``x = 5``, ``f(x) = …``, ``x \in S``, and an inequality of one letter, whose value is an interval."""

    name: str
    value: "Shape"


@dataclass(frozen=True, slots=True)
class Relation:
    r"""Any other relation of two sides; ``==`` joins what ``x = 1/2 = 0.5`` says of x."""

    sign: str
    left: str
    right: str


@dataclass(frozen=True, slots=True)
class Chain:
    """An order of three sides or more, or of two that are no letters: ``a < b < c``."""

    signs: tuple[str, ...]
    sides: tuple[str, ...]

    def turned(self) -> "Chain":
        """The same, read from the right."""
        return Chain(tuple(TURNED[sign] for sign in self.signs[::-1]), self.sides[::-1])


Shape: TypeAlias = Leaf | Items | Union | Named | Relation | Chain
