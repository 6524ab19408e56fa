r"""Shapes against shapes: the reference's first, the answer's second. Three outcomes, and precision before recall.

CORRECT needs every part read to its end and found the same. What is not shown to be different is undecided.
"""

import re
from collections.abc import Sequence

from tracegen.types import Outcome, Verdict
from tracegen.verify.math.equations import equations, explicit
from tracegen.verify.math.leaves import compare_leaves, readable
from tracegen.verify.math.real_sets import joined
from tracegen.verify.math.shapes import Chain, Items, Leaf, Named, Relation, Shape, Union
from tracegen.verify.math.structure import MAX_ITEMS

APPROX = r"\approx"
CORRECT, INCORRECT, UNDECIDED = Outcome.CORRECT, Outcome.INCORRECT, Outcome.UNDECIDED


def compare(reference: Shape, answer: Shape) -> Verdict:
    """Whether the answer says what the reference says."""
    if reference == answer:
        return Verdict(CORRECT, "equal")
    reference, answer = joined(reference), joined(answer)
    if isinstance(reference, Relation) and reference.sign in ("==", APPROX):
        return compare(Leaf(reference.left.partition("=")[0]), answer)
    if isinstance(answer, Relation) and answer.sign in ("==", APPROX):
        return _every_part(reference, answer)
    if isinstance(reference, Named) or isinstance(answer, Named):
        return _named(reference, answer)
    return _unnamed(reference, answer)


def _every_part(reference: Shape, answer: Relation) -> Verdict:
    r"""An answer that says its value twice must be right twice; after ``\approx`` it may be rounded."""
    if answer.sign == APPROX:
        about = compare(Leaf(answer.right), Leaf(answer.left))
        first = compare(reference, Leaf(answer.left))
        return first if first.outcome is not CORRECT or about.reason != "different" else Verdict(UNDECIDED, "ambiguous")
    return _all([compare(reference, Leaf(part)) for part in (*answer.left.split("="), answer.right)])


def _named(reference: Shape, answer: Shape) -> Verdict:
    if isinstance(reference, Named) and isinstance(answer, Named):
        verdict = compare(reference.value, answer.value)
        if _same_name(reference.name, answer.name) or verdict.outcome is not CORRECT:
            return verdict
        return Verdict(UNDECIDED, "different_names")
    if isinstance(reference, Named):
        if isinstance(answer, Relation):
            return _relations(_as_equation(reference), answer)
        return compare(reference.value, _without_names(answer))
    if isinstance(answer, Named) and isinstance(reference, Relation):
        verdict = _relation_and_value(reference, answer.value, answer.name)
        return verdict if verdict.outcome is CORRECT else _relations(reference, _as_equation(answer))
    return (
        compare(_without_names(reference), answer.value) if isinstance(answer, Named) else _unnamed(reference, answer)
    )


def _as_equation(shape: Named) -> Relation:
    return Relation("=", shape.name, shape.value.text if isinstance(shape.value, Leaf) else "")


def _same_name(left: str, right: str) -> bool:
    mine, theirs = ((re.sub(r"\s", "", name).partition("(")) for name in (left, right))
    return mine[0] == theirs[0] and (not mine[2] or not theirs[2] or mine[2] == theirs[2])


def _without_names(shape: Shape) -> Shape:
    return shape.value if isinstance(shape, Named) else shape


def _unnamed(reference: Shape, answer: Shape) -> Verdict:
    if isinstance(reference, Leaf) and isinstance(answer, Leaf):
        return compare_leaves(reference.text, answer.text)
    if isinstance(reference, Relation):
        return _relations(reference, answer)
    if isinstance(reference, Chain) and isinstance(answer, Chain):
        return _chains(reference, answer)
    if isinstance(reference, Union) and isinstance(answer, Union):
        return _free_order(reference.parts, answer.parts)
    if isinstance(reference, Items) and isinstance(answer, Items):
        return _items(reference, answer)
    return _different_shapes(reference, answer)


def _chains(reference: Chain, answer: Chain) -> Verdict:
    """The same order, read from the left or from the right. Another order may still follow from it."""
    for read in (answer, answer.turned()):
        if read.signs == reference.signs:
            sides = zip(reference.sides, read.sides, strict=True)
            if all(compare_leaves(*pair).outcome is CORRECT for pair in sides):
                return Verdict(CORRECT, "equal")
    return Verdict(UNDECIDED, "different_relations")


def _different_shapes(reference: Shape, answer: Shape) -> Verdict:
    single = _single(reference), _single(answer)
    if single[0] is not None and isinstance(answer, Leaf):
        return compare(single[0], answer)
    if single[1] is not None and isinstance(reference, Leaf):
        return compare(reference, single[1])
    if _plain(reference) and _plain(answer):
        return Verdict(INCORRECT, "different_shapes")
    return Verdict(UNDECIDED, "different_shapes")


def _single(shape: Shape) -> Shape | None:
    if not isinstance(shape, Items) or shape.ordered or len(shape.items) != 1:
        return None
    return None if shape.items[0] == Leaf(r"\emptyset") else shape.items[0]


def _plain(shape: Shape) -> bool:
    if isinstance(shape, Leaf):
        return readable(shape.text)
    if isinstance(shape, Items):
        return all(_plain(item) for item in shape.items)
    return isinstance(shape, Union) and all(_plain(part) for part in shape.parts)


def _items(reference: Items, answer: Items) -> Verdict:
    if any(_has_ellipsis(item) for item in (*reference.items, *answer.items)):
        return Verdict(UNDECIDED, "ellipsis")
    if max(len(reference.items), len(answer.items)) > MAX_ITEMS:
        return Verdict(UNDECIDED, "too_big")
    if len(reference.items) != len(answer.items):
        return _different_count(reference, answer)
    if reference.ordered and answer.ordered:
        return _ordered(reference, answer)
    if reference.ordered != answer.ordered:
        return _one_ordered(reference, answer)
    names = [_names(reference), _names(answer)]
    if all(names):
        return _by_name(reference, answer)
    if any(names):
        return _half_named(reference, answer)
    return _free_order(reference.items, answer.items)


def _different_count(reference: Items, answer: Items) -> Verdict:
    decided = _plain(_values(reference)) and _plain(_values(answer))
    return Verdict(INCORRECT if decided else UNDECIDED, "different_count")


def _has_ellipsis(shape: Shape) -> bool:
    return r"\ldots" in repr(shape)


def _ordered(reference: Items, answer: Items) -> Verdict:
    verdict = _all([compare(*pair) for pair in zip(reference.items, answer.items, strict=True)])
    if verdict.outcome is not CORRECT:
        return verdict
    if (reference.opening, reference.closing) == (answer.opening, answer.closing):
        return verdict
    return Verdict(INCORRECT if len(reference.items) == 2 else UNDECIDED, "different_brackets")


def _one_ordered(reference: Items, answer: Items) -> Verdict:
    """A tuple against a bare list: the same only where both name their parts."""
    if _names(reference) and _names(answer):
        return _by_name(reference, answer)
    verdict = _all([compare(*pair) for pair in zip(_values(reference).items, _values(answer).items, strict=True)])
    if verdict.outcome is CORRECT and (_names(reference) or _names(answer)):
        return verdict
    return Verdict(UNDECIDED, "different_shapes")


def _names(items: Items) -> tuple[str, ...]:
    names = tuple(item.name for item in items.items if isinstance(item, Named))
    return names if len(set(names)) == len(items.items) else ()


def _values(items: Items) -> Items:
    return Items(tuple(_without_names(item) for item in items.items), items.opening, items.closing)


def _by_name(reference: Items, answer: Items) -> Verdict:
    mine = {item.name: item.value for item in reference.items if isinstance(item, Named)}
    theirs = {item.name: item.value for item in answer.items if isinstance(item, Named)}
    if mine.keys() != theirs.keys():
        return Verdict(UNDECIDED, "different_names")
    return _all([compare(value, theirs[name]) for name, value in mine.items()])


def _half_named(reference: Items, answer: Items) -> Verdict:
    """``a=1, b=2`` against ``1, 2``: the order stands in for the names."""
    values = _values(reference), _values(answer)
    verdict = _all([compare(*pair) for pair in zip(values[0].items, values[1].items, strict=True)])
    if verdict.outcome is CORRECT:
        return verdict
    free = _free_order(values[0].items, values[1].items)
    return Verdict(UNDECIDED, "different_order") if free.outcome is CORRECT else free


def _free_order(reference: Sequence[Shape], answer: Sequence[Shape]) -> Verdict:
    """Each of the one has its own equal in the other. Sameness is transitive, so the first match will do."""
    if len(reference) != len(answer):
        return Verdict(UNDECIDED, "different_count")
    left = list(answer)
    missing: list[Verdict] = []
    for item in reference:
        verdicts = [compare(item, other) for other in left]
        at = next((n for n, verdict in enumerate(verdicts) if verdict.outcome is CORRECT), None)
        if at is not None:
            left.pop(at)
        else:
            missing.append(_worst(verdicts))
    return _worst(missing) if missing else Verdict(CORRECT, "equal")


def _worst(verdicts: Sequence[Verdict]) -> Verdict:
    """Undecided where any is: perhaps that pair is the match."""
    return next((verdict for verdict in verdicts if verdict.outcome is UNDECIDED), verdicts[0])


def _all(verdicts: Sequence[Verdict]) -> Verdict:
    """Correct where all are, incorrect where one is."""
    for outcome in (INCORRECT, UNDECIDED):
        for verdict in verdicts:
            if verdict.outcome is outcome:
                return verdict
    return verdicts[0]


def _relations(reference: Relation, answer: Shape) -> Verdict:
    if isinstance(answer, Relation):
        if reference.sign == answer.sign == "=":
            return equations((reference.left, reference.right), (answer.left, answer.right))
        if reference.sign == answer.sign == r"\ne":
            return _all([compare_leaves(reference.left, answer.left), compare_leaves(reference.right, answer.right)])
        return Verdict(UNDECIDED, "different_relations")
    if isinstance(answer, Leaf):
        return _relation_and_value(reference, answer, "")
    return Verdict(UNDECIDED, "different_shapes")


def _relation_and_value(reference: Relation, answer: Shape, name: str) -> Verdict:
    """``xy = 6`` against ``6/x`` or ``y = 6/x``: the equation solved for its one other letter."""
    if reference.sign != "=" or not isinstance(answer, Leaf):
        return Verdict(UNDECIDED, "different_shapes")
    return explicit((reference.left, reference.right), answer.text, name)
