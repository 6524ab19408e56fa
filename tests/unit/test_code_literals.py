import math
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from itertools import count
from typing import Any

import pytest

from tracegen.verify.code.guest.literals import MAX_DEPTH, NotALiteral, dumps, loads, renew

VALUES = [
    None, True, False, 0, -1, 2**53, -(2**70), 10**5000, 0.1, -0.0, 1e300, math.inf, -math.inf, 1 + 2j, "", "é\ud800\n",
    b"\x00\xff", bytearray(b"a"), [], [1, [2.0, "x"]], (), (1, (2,)), set(), {1, "a"}, frozenset({(1, 2)}),
    {}, {1: "a", (1, 2): [3], None: {}}, {"int": "0x1"}, range(1, 10, 3), deque([1, 2]), Counter("aab"),
    OrderedDict(b=1, a=2), Decimal("1.10"), Fraction(1, 3),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_literal_comes_back_as_it_was(value: Any) -> None:
    line = dumps(value)
    back = loads(line)
    assert back == value
    assert type(back) is type(value)
    assert "\n" not in line
    line.encode()


def test_what_is_equal_in_python_keeps_its_type() -> None:
    assert [type(item) for item in loads(dumps([1, 1.0, True]))] == [int, float, bool]
    assert math.copysign(1, loads(dumps(-0.0))) == -1
    assert math.isnan(loads(dumps(math.nan)))


def test_a_defaultdict_is_a_dict() -> None:
    assert loads(dumps(defaultdict(list, a=[1]))) == {"a": [1]}


def test_sets_are_written_in_one_order() -> None:
    assert dumps({"b", "a", 3}) == dumps({3, "a", "b"})


@pytest.mark.parametrize(
    ("value", "items"),
    [
        (iter([1, 2]), [1, 2]),
        (map(str, [1]), ["1"]),
        (filter(None, [0, 1]), [1]),
        (zip([1], [2], strict=True), [(1, 2)]),
        (enumerate("a"), [(0, "a")]),
        (reversed([1, 2]), [2, 1]),
        ((x for x in (1, 2)), [1, 2]),
        ({"a": 1}.keys(), ["a"]),
        ({"a": 1}.values(), [1]),
        ({"a": 1}.items(), [("a", 1)]),
    ],
    ids=str,
)
def test_iterators_are_read(value: Any, items: list[Any]) -> None:
    assert list(loads(dumps(value))) == items


class Yes:
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


class YesInt(int):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__


class YesList(list[int]):
    def __eq__(self, other: object) -> bool:
        return True


class Colour(IntEnum):
    RED = 1


Point = namedtuple("Point", "x y")


def cyclic() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


def deep() -> list[Any]:
    found: list[Any] = []
    for _ in range(MAX_DEPTH + 1):
        found = [found]
    return found


@pytest.mark.parametrize(
    "value",
    [
        Yes(), YesInt(1), YesList(), [YesInt(1)], {"a": Yes()}, Colour.RED, Point(1, 2), object(), int, len, lambda: 1,
        cyclic(), deep(), count(), NotImplemented, ...,
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_all_else_is_no_literal(value: Any) -> None:
    with pytest.raises(NotALiteral):
        dumps(value)


@pytest.mark.parametrize(
    "line",
    ['{"object":1}', '{"a":1,"b":2}', "{}", '{"float":"x"}', '{"int":1}', '{"range":[1]}', '{"decimal":"x"}', "["],
)
def test_a_forged_literal_raises(line: str) -> None:
    with pytest.raises((NotALiteral, ValueError, TypeError, ArithmeticError)):
        loads(line)


def test_arguments_are_renewed_in_place() -> None:
    inner = [1]
    old = [[3, 1, 2], {"a": inner, "b": 2}, {1}, deque([1]), bytearray(b"a"), (inner, 1), 5]
    kept = list(old)
    new = [[1, 2, 3, 4], {"a": [1, 2]}, {2}, deque([2]), bytearray(b"bc"), ([1, 2], 1), 6]
    assert renew(old, new) is old
    assert old == new
    assert all(left is right for left, right in zip(kept[:5], old[:5], strict=True))
    assert old[5][0] is inner  # type: ignore[index]
    assert kept[1]["a"] is inner  # type: ignore[index]
