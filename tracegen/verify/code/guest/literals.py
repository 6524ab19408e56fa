"""Typed literals: Python's plain values as JSON and back, so that nothing but values crosses a sandbox's border.

A value is what its exact type says. An instance of any other class, also of a subclass of a plain one, is no literal:
it might bring methods of its own, as an ``__eq__`` that says yes to everything. Iterators are read to a limit.
"""

import json
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from itertools import islice
from typing import Any

MAX_DEPTH = 100
MAX_ITEMS = 1_000_000
"""What an iterator is read to."""
EXACT_IN_JSON = 2**53

_ITERABLES: tuple[Any, ...] = ([], (), "", b"", range(0), {}, set(), {}.values(), {}.items(), iter(int, 0))
ITERATORS: tuple[type, ...] = (
    *map(type, map(iter, _ITERABLES)),
    *(map, filter, zip, enumerate, type(reversed([])), reversed, type(_ for _ in ())),
)


class NotALiteral(TypeError):  # noqa: N818 - what a value is
    """A value with a class of its own, too deep, or endless."""


def dumps(value: Any) -> str:
    """One line of JSON. Raises NotALiteral."""
    return json.dumps(encode(value), separators=(",", ":"))


def loads(text: str | bytes) -> Any:
    """The value. Raises NotALiteral for what :func:`dumps` does not write."""
    return decode(json.loads(text))


def encode(value: Any, depth: int = 0) -> Any:
    """What JSON has, as itself; all else as an object with one key, its kind."""
    if depth > MAX_DEPTH:
        raise NotALiteral(f"nested more than {MAX_DEPTH} deep")
    kind = type(value)
    if kind in _AS_THEY_ARE or (kind is int and -EXACT_IN_JSON < value < EXACT_IN_JSON):
        return value
    if kind is float:
        return value if value - value == 0 else {"float": repr(value)}
    if kind is list:
        return [encode(item, depth + 1) for item in value]
    if kind in _SCALARS:
        return {_SCALARS[kind][0]: _SCALARS[kind][1](value)}
    return _encode_container(value, depth)


_AS_THEY_ARE = (type(None), bool, str)
_SCALARS: dict[type, tuple[str, Callable[[Any], Any]]] = {
    int: ("int", hex),
    complex: ("complex", lambda value: [repr(value.real), repr(value.imag)]),
    bytes: ("bytes", bytes.hex),
    bytearray: ("bytearray", bytearray.hex),
    Decimal: ("decimal", Decimal.__str__),
    Fraction: ("fraction", lambda value: [hex(value.numerator), hex(value.denominator)]),
    range: ("range", lambda value: [hex(value.start), hex(value.stop), hex(value.step)]),
}
_SEQUENCES: dict[type, str] = {tuple: "tuple", deque: "deque"}
_SETS: dict[type, str] = {set: "set", frozenset: "frozenset"}
_MAPPINGS: dict[type, str] = {dict: "dict", defaultdict: "dict", OrderedDict: "ordered", Counter: "counter"}
_VIEWS: dict[type, str] = {type({}.keys()): "keys", type({}.values()): "values", type({}.items()): "items"}


def _encode_container(value: Any, depth: int) -> Any:
    kind = type(value)
    if kind in _SEQUENCES:
        return {_SEQUENCES[kind]: [encode(item, depth + 1) for item in value]}
    if kind in _SETS:
        # Sorted, for their order differs from process to process.
        return {_SETS[kind]: sorted((encode(item, depth + 1) for item in value), key=json.dumps)}
    if kind in _MAPPINGS:
        return {_MAPPINGS[kind]: [[encode(key, depth + 1), encode(item, depth + 1)] for key, item in value.items()]}
    if kind in _VIEWS or kind in ITERATORS:
        items = list(islice(value, MAX_ITEMS + 1))
        if len(items) > MAX_ITEMS:
            raise NotALiteral(f"an iterator over more than {MAX_ITEMS} items")
        return {_VIEWS.get(kind, "iterator"): [encode(item, depth + 1) for item in items]}
    raise NotALiteral(f"an instance of {kind.__name__}")


def decode(value: Any) -> Any:
    """The value of what :func:`encode` made."""
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) != 1:
        raise NotALiteral("an object with one key is needed")
    ((kind, inner),) = value.items()
    if kind not in _DECODERS:
        raise NotALiteral(f"an unknown kind: {kind}")
    return _DECODERS[kind](inner)


def _pairs(inner: Any) -> list[tuple[Any, Any]]:
    return [(decode(key), decode(item)) for key, item in inner]


def _items(inner: Any) -> list[Any]:
    return [decode(item) for item in inner]


_DECODERS: dict[str, Callable[[Any], Any]] = {
    "float": float,
    "int": lambda inner: int(inner, 16),
    "complex": lambda inner: complex(float(inner[0]), float(inner[1])),
    "bytes": bytes.fromhex,
    "bytearray": bytearray.fromhex,
    "decimal": Decimal,
    "fraction": lambda inner: Fraction(int(inner[0], 16), int(inner[1], 16)),
    "range": lambda inner: range(*(int(number, 16) for number in inner)),
    "tuple": lambda inner: tuple(_items(inner)),
    "deque": lambda inner: deque(_items(inner)),
    "set": lambda inner: set(_items(inner)),
    "frozenset": lambda inner: frozenset(_items(inner)),
    "dict": lambda inner: dict(_pairs(inner)),
    "ordered": lambda inner: OrderedDict(_pairs(inner)),
    "counter": lambda inner: Counter(dict(_pairs(inner))),
    "keys": lambda inner: dict.fromkeys(_items(inner)).keys(),
    "values": lambda inner: dict(enumerate(_items(inner))).values(),
    "items": lambda inner: dict(_items(inner)).items(),
    "iterator": lambda inner: iter(_items(inner)),
}


def renew(old: Any, new: Any) -> Any:
    """``old`` made equal to ``new``, in place wherever it can change: as a call leaves its arguments behind."""
    if type(old) is not type(new):
        return new
    if isinstance(old, list):
        old[:] = [renew(*pair) for pair in zip(old, new)] + new[len(old) :]  # noqa: B905 - of two lengths
    elif isinstance(old, dict):
        items = {key: renew(old[key], item) if key in old else item for key, item in new.items()}
        old.clear()
        old.update(items)
    elif isinstance(old, (set, deque, bytearray)):
        old.clear()
        old.extend(new) if isinstance(old, (deque, bytearray)) else old.update(new)
    elif isinstance(old, tuple):
        return tuple(renew(*pair) for pair in zip(old, new)) if len(old) == len(new) else new  # noqa: B905
    else:
        return new
    return old
