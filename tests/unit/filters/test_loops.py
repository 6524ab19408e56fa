import random

import pytest

from tests.unit.filters.asked import found
from tracegen.filter_options import Loops

# --- texts that do not repeat themselves -------------------------------------------------------------------------

_RNG = random.Random(5)
_SUBJECTS = [
    "the sum",
    "the product",
    "the base",
    "the angle",
    "the first term",
    "the remainder",
    "the radius",
    "the ratio",
]
_VERBS = ["equals", "must exceed", "divides", "is bounded by", "cannot be", "is twice", "is at most", "differs from"]
_OBJECTS = [
    "the height",
    "the last term",
    "seven halves",
    "the discriminant",
    "the number of pairs",
    "its double",
    "the mean",
]


def prose(sentences: int) -> str:
    """Sentences that are nearly all different, as reasoning has them."""
    said = (
        f"In case {_RNG.randint(2, 10**6)} {_RNG.choice(_SUBJECTS)} {_RNG.choice(_VERBS)} {_RNG.choice(_OBJECTS)}."
        for _ in range(sentences)
    )
    return " ".join(said)


CHECK = "Wait, let me check the second case again to be sure that nothing was left out."
DOUBT = "But then the total would be odd, which contradicts what we found for the first row."
ROW = "Hmm, so {} times {} is {}."
LONG_CHECK = "等一下，让我重新检查一下第二种情况，看看有没有遗漏什么条件。"

LOOPS = [
    ("one sentence for ever", CHECK + (" " + CHECK) * 60),
    ("one sentence for ever, in lines", "\n\n".join([CHECK] * 60)),
    ("after good reasoning", prose(120) + " " + " ".join([CHECK] * 40)),
    ("in the middle of good reasoning", prose(80) + " " + " ".join([CHECK] * 40) + " " + prose(80)),
    ("two sentences in turn", " ".join([CHECK, DOUBT] * 30)),
    ("scattered through the text", " ".join(f"{prose(2)} {CHECK}" for _ in range(30))),
    ("a paragraph again and again", "\n\n".join([prose(1) + " " + (CHECK + " " + DOUBT) * 3] * 8)),
    ("the same derivation three times over", "\n\n".join([prose(40)] * 3)),
    ("half of it said before", (prose(30) + "\n") * 2),
    ("Chinese", LONG_CHECK * 40),
    ("Chinese after good reasoning", prose(50) + LONG_CHECK * 30),
    ("short lines in a row", prose(30) + "\n" + "Wait.\n" * 30),
    ("short lines in turn", prose(30) + "\n" + "Wait, no.\nYes.\nHmm.\n" * 12),
    ("eight short lines in turn", "\n".join(["a b", "bb cd", "cc", "dd", "ee", "ff", "gg", "hh"] * 12)),
    ("the same step of a calculation", prose(20) + "\n" + "So x = 3.\n" * 15),
    ("a word for ever", prose(20) + " " + "the " * 2000),
    ("letters for ever", prose(20) + " " + "ha" * 2000),
    ("a decimal for ever", "1/3 = 0." + "3" * 3000),
    ("a period for ever", "1/7 = 0." + "142857" * 500),
    ("a phrase without full stops", prose(10) + " and so on and so forth" * 150),
    ("a formula for ever", "x = " + r"\frac{1}{1+" * 300),
    ("the final answer for ever", prose(20) + "\n" + "**Final Answer** \\boxed{12}\n" * 25),
    ("exactly over the limit", prose(400) + " ".join([CHECK] * 21)),
]

NO_LOOPS = [
    ("long reasoning", prose(300)),
    ("said twice", prose(60) + f" {CHECK} " + prose(60) + f" {CHECK}"),
    ("checked at the end as at the beginning", f"{CHECK} {DOUBT} " + prose(60) + f" {CHECK} {DOUBT}"),
    ("a claim taken up word by word", f"Claim: {DOUBT}\nProof: if not, then all is even.\nSo: {DOUBT}"),
    ("wait, now and then", " ".join(f"Wait. {prose(2)}" for _ in range(60))),
    ("wait, let me see, now and then", "\n".join(f"Wait, let me see.\n{prose(2)}" for _ in range(40))),
    ("a multiplication table", "\n".join(ROW.format(a, b, a * b) for a in range(2, 20) for b in range(2, 20))),
    (
        "the same short line in a long calculation",
        "\n".join(f"{n}: carry the one.\n{n} + 1 = {n + 1}" for n in range(90)),
    ),
    ("a table", "| n | f(n) |\n|---|---|\n" + "\n".join(f"| {n} | {n * n} |" for n in range(200))),
    ("two tables of one head", "\n".join("| n | f(n) |\n|---|---|\n| 1 | 1 |\n| 2 | 4 |" for _ in range(15))),
    ("an enumeration", "\n".join(f"({n}) The arrangement {n:05b} has {n:b}.count ones." for n in range(32))),
    ("cases that end alike", "\n".join(f"Case {n}: n = {n}, so n mod 7 = {n % 7}. Not possible." for n in range(60))),
    ("yes and no", "\n".join(f"Is {n} prime? {'Yes' if n in (2, 3, 5, 7, 11, 13) else 'No'}." for n in range(2, 60))),
    ("a grid drawn again", "\n\n".join("+---+---+\n| . | X |\n+---+---+\n| O | . |\n+---+---+" for _ in range(20))),
    ("a column of zeros", "The digits are:\n" + "0\n" * 40 + "and then one 1."),
    ("a number with forty zeros", "10^40 = 1" + "0" * 40),
    ("a long list of numbers", ", ".join(str(n * n) for n in range(700))),
    ("a long sum", " + ".join(f"{n}^2" for n in range(1, 300)) + " = 8955050"),
    ("a simulation, step by step", "\n".join(f"Step {n}: queue = [{n}, {n + 1}], visited = {n}" for n in range(150))),
    ("a poem with a refrain", "\n".join(f"Line {n} of the song is new.\nOh, the sea!" for n in range(18))),
    (
        "Chinese, checked twice",
        "".join(f"第{n}种情况：当 n={n} 时，余数为{n % 7}。" for n in range(150)) + LONG_CHECK * 2,
    ),
    ("binary strings", "\n".join(f"{n:08b}" for n in range(256))),
    ("nine times in a row", prose(20) + "\n" + "So x = 3.\n" * 9 + prose(20)),
    ("twenty times, scattered", " ".join(f"{prose(12)} {CHECK}" for _ in range(20))),
    ("nothing", ""),
]


@pytest.mark.parametrize("text", [text for _, text in LOOPS], ids=[name for name, _ in LOOPS])
def test_a_loop_is_found(text: str) -> None:
    assert found("loops", text)
    assert found("loops", "Fine reasoning.", text)


@pytest.mark.parametrize("text", [text for _, text in NO_LOOPS], ids=[name for name, _ in NO_LOOPS])
def test_what_recurs_is_not_always_a_loop(text: str) -> None:
    assert found("loops", text) == ""


def test_an_answer_may_say_again_what_the_reasoning_said() -> None:
    text = prose(30)
    assert found("loops", text, text) == ""


def test_the_limits_are_the_recipes() -> None:
    lines = "\n".join([CHECK] * 3)
    assert found("loops", lines, options=Loops(max_repeats=2)) == (
        "said 3 times: 'Wait, let me check the second case again to be sure that not…'"
    )
    assert found("loops", "So x = 3.\n" * 3, options=Loops(max_in_a_row=3)) == "3 times in a row: 'So x = 3'"


def test_a_longer_text_takes_no_more_than_its_share_of_time() -> None:
    """Nothing here may be quadratic: a hundred times the usual trace is looked at within a second."""
    assert found("loops", "\n".join(f"{n} is a number like {n + 1}." for n in range(60_000))) == ""
