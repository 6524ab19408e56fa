"""The watch over a text that is being written: what it stops, what it lets be, and what it may not depend on."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.filters.test_loops import CHECK, DOUBT, LONG_CHECK, NO_LOOPS, ROW, prose
from tracegen.filters.watch import RECENT, STEP, WINDOW, LoopWatch, watching
from tracegen.types import Guard, LoopGuard


def seen_at(text: str, guard: LoopGuard | None = None) -> int | None:
    watch = LoopWatch(guard or LoopGuard())
    watch.feed(text)
    return watch.at


FOREVER = [
    ("one sentence", f"{CHECK} "),
    ("one sentence a line", f"{CHECK}\n\n"),
    ("two sentences in turn", f"{CHECK} {DOUBT} "),
    ("Chinese", LONG_CHECK),
    ("short lines", "Wait.\n"),
    ("short lines in turn", "Wait, no.\nYes.\nHmm.\n"),
    ("eight short lines in turn", "a b\nbb cd\ncc\ndd\nee\nff\ngg\nhh\n"),
    ("the same step", "So x = 3.\n"),
    ("a word", "the "),
    ("letters", "ha"),
    ("a digit", "3"),
    ("a period", "142857"),
    ("a phrase without full stops", " and so on and so forth"),
    ("a formula", r"\frac{1}{1+"),
    ("the final answer", "**Final Answer** \\boxed{12}\n"),
    ("blank lines", "\n"),
    ("rows of zeros", "| 0 | 0 | 0 |\n"),
    ("a paragraph", " ".join(f"Claim {n} follows from claim {n + 1}, as was seen in part {n % 3}." for n in range(20))),
    ("code", "    for i in range(n):\n        total += a[i]\n    print(total)\n"),
    ("a block that says one thing twice", f"{CHECK} But no. {CHECK} So it is, and nothing else can be. "),
]
"""Blocks that a teacher may never leave again."""

REPEATED = [
    *NO_LOOPS,
    ("long division", "\n".join(f"Bring down the 0: {r * 10} / 97 = {r * 10 // 97}" for r in range(1, 97))),
    ("digits of a fraction", "1/7 = 0." + "142857" * 60 + " and so on."),
    ("a truth table", "\n".join(f"| {n >> 2 & 1} | {n >> 1 & 1} | {n & 1} | {n % 3 == 0} |" for n in range(8)) * 6),
    ("a column of results", "All of them fail:\n" + "False\n" * 100),
    ("a matrix of zeros", "\n".join(["0 0 0 0 0 0 0 0 0 0"] * 30)),
    ("a factorial's zeros", "The product is 1" + "0" * 400 + "."),
    ("an underlined title", "Results\n" + "=" * 120 + "\n" + prose(3)),
    ("test cases", "\n".join(f"assert count_primes({n}) == {n // 3}, 'count_primes is wrong'" for n in range(200))),
    ("code given twice", 2 * "".join(f"def f{n}(x):\n    return x * {n} + f{n - 1}(x)\n\n" for n in range(1, 40))),
    ("a program's draft, and two corrections", "\n".join([ROW.format(2, 3, 6) + prose(40)] * 3)),
    ("cases with one ending", "\n".join(f"n = {n}: this does not work, as {n * n} is no prime." for n in range(300))),
    ("a doubt now and then, over a long trace", " ".join(f"{prose(30)} {CHECK}" for _ in range(40))),
    ("nine times a sentence", f"{prose(50)} " + f"{CHECK} " * 9 + prose(50)),
    ("LaTeX rows", r"\begin{tabular}" + r"\hline 1 & 2 \\ " * 40 + r"\end{tabular}"),
    ("a game of life that stands still", "\n".join(f"Step {n}:\n....\n.##.\n.##.\n....\n" for n in range(60))),
]


@pytest.mark.parametrize("block", [block for _, block in FOREVER], ids=[name for name, _ in FOREVER])
def test_a_loop_is_seen_soon(block: str) -> None:
    good = prose(60) + " "
    at = seen_at(good + block * (20_000 // len(block)))

    assert at is not None
    longest = max(5 * 800, 21 * len(block))
    assert len(good) < at <= len(good) + longest + len(block) + STEP


@pytest.mark.parametrize("text", [text for _, text in REPEATED], ids=[name for name, _ in REPEATED])
def test_what_repeats_itself_for_a_reason_is_let_be(text: str) -> None:
    assert seen_at(f"{prose(20)}\n{text}\n{prose(20)}") is None


@given(st.integers(0, 2**32), st.sampled_from([block for _, block in FOREVER]), st.integers(1, 700))
def test_how_the_text_is_cut_decides_nothing(seed: int, block: str, longest: int) -> None:
    cut = random.Random(seed)
    text = "x = 1, so that is that. " * cut.randint(0, 3) + str(cut.random()) + block * (5_000 // len(block))
    whole, pieces = LoopWatch(LoopGuard()), LoopWatch(LoopGuard())
    whole.feed(text)
    came = 0
    while came < len(text):
        piece = text[came : came + cut.randint(0, longest)]
        came += len(piece)
        assert pieces.feed(piece) == (whole.at is not None and came >= whole.at)
    assert pieces.at == whole.at


def test_once_seen_it_stays_seen_and_nothing_more_is_kept() -> None:
    watch = LoopWatch(LoopGuard())
    watch.feed("ha" * 1000)
    at = watch.at
    assert watch.feed(prose(10))
    assert watch.at == at


def test_it_remembers_no_more_than_it_says() -> None:
    watch = LoopWatch(LoopGuard())
    for number in range(30_000):
        end = ". " if number < 20_000 else " and "  # at last a sentence without end
        assert not watch.feed(f"the case number {number} is done with, and leads to nothing new{end}")
    assert len(watch._tail) == WINDOW
    assert len(watch._recent) == RECENT
    assert len(watch._counts) <= RECENT
    assert len(watch._pending) < STEP
    assert len(watch._sentence) <= 1_500 + STEP


def test_the_limits_are_the_recipes() -> None:
    assert seen_at("So x = 3.\n" * 60) is None
    assert seen_at("So x = 3.\n" * 60, LoopGuard(min_chars=200)) == 256
    said = " ".join(f"{prose(3)} {CHECK}" for _ in range(8))
    assert seen_at(said) is None
    assert seen_at(said, LoopGuard(max_repeats=5)) is not None


def test_nobody_watches_unasked() -> None:
    assert watching(None) is None
    assert watching(Guard(loops=None)) is None
    assert watching(Guard()) is not None
