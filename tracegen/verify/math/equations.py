"""Equations against equations, and against one side solved. Other expressions are ``leaves.py``."""

from tracegen.types import Outcome, Verdict
from tracegen.verify.math import identity
from tracegen.verify.math.evaluate import symbols
from tracegen.verify.math.grammar import Node
from tracegen.verify.math.trees import guarded, said, tree_of

UNDECIDED = Outcome.UNDECIDED


def equations(reference: tuple[str, str], answer: tuple[str, str]) -> Verdict:
    """Two equations: one, where left minus right is the same up to a factor."""
    trees = [tree_of(side) for side in (*reference, *answer)]
    if any(isinstance(tree, str) for tree in trees):
        return Verdict(UNDECIDED, "unreadable")
    mine, theirs = _difference(trees[0], trees[1]), _difference(trees[2], trees[3])
    if symbols(mine) != symbols(theirs):
        return Verdict(UNDECIDED, "different_letters")
    return said(guarded(identity.proportional, mine, theirs))


def explicit(equation: tuple[str, str], answer: str, name: str) -> Verdict:
    """An equation against one side solved: it must be linear in the letter that the answer lacks."""
    trees = [tree_of(side) for side in (*equation, answer)]
    if any(isinstance(tree, str) for tree in trees):
        return Verdict(UNDECIDED, "unreadable")
    difference, solved = _difference(trees[0], trees[1]), trees[2]
    assert isinstance(solved, Node)  # noqa: S101 - narrows for the type checker; strings have left above
    missing = symbols(difference) - symbols(solved)
    if len(missing) != 1 or (name and missing != {name}):
        return Verdict(UNDECIDED, "different_shapes")
    letter = next(iter(missing))
    if not _linear(difference, letter):
        return Verdict(UNDECIDED, "not_linear")
    at_answer = _substitute(difference, letter, solved)
    word = guarded(identity.identical, at_answer, Node("number", name="0"))
    return said(word) if word in (identity.SAME, identity.DIFFERENT) else Verdict(UNDECIDED, word)


def _linear(difference: Node, letter: str) -> bool:
    def at(number: str) -> Node:
        return _substitute(difference, letter, Node("number", name=number))

    bent = Node("sum", (at("1"), at("3")))
    straight = Node("times", (Node("number", name="2"), at("2")))
    return (
        guarded(identity.identical, bent, straight) == identity.SAME
        and guarded(identity.identical, at("1"), at("2")) == identity.DIFFERENT
    )


def _substitute(node: Node, letter: str, value: Node) -> Node:
    if node.kind == "symbol":
        return value if node.name == letter else node
    return Node(node.kind, tuple(_substitute(arg, letter, value) for arg in node.args), node.name)


def _difference(left: Node | str, right: Node | str) -> Node:
    sides = [side for side in (left, right) if isinstance(side, Node)]
    return Node("sum", (sides[0], Node("negate", (sides[1],))))
