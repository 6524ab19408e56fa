"""Filters run in a process that nobody kills: no text may keep one of them busy."""

import time

import pytest

from tests.unit.filters.asked import found
from tracegen.filters.sieve import FILTERS
from tracegen.types import Domain

CHARS = 100_000
SECONDS = 5.0
"""Processor time; the slowest of these takes about half a second, and a quadratic pattern minutes."""

PIECES = [
    *(
        "$$",
        r"\[ ",
        r"\( ",
        r"\begin{a} ",
        "```",
        "`",
        "~~~",
        "'a",
        '"a',
        "“a",
        "《a",
        "://",
        r"\a ",
        r"\a{b}[c]{",
        "{",
        "}",
    ),
    *(
        "a@",
        "a.",
        "@a.",
        "1 ",
        "1.",
        "1-",
        "12 34 ",
        "(1)",
        "+1 ",
        "1/",
        "DE44 ",
        "A1",
        "AB12 ABCD ",
        "phone 1",
        "card 4",
    ),
    *(
        "<",
        "< ",
        "<|",
        "[",
        "answer ",
        "the answer is not ",
        "答案",
        r"\frac{",
        r"\text{",
        r"\boxed{",
        r"\boxed{1}",
        "seven",
    ),
    *(
        "a-",
        "a'",
        "的",
        "因此 ",
        "あ",
        "д ",
        "one, ",
        "the of and ",
        "x\n",
        "de la x y z u v w q r t p m\n",
        "  ",
        "\n\n",
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("before", ["", "因此我们 "])
def test_no_text_keeps_a_filter_busy(name: str, before: str) -> None:
    for piece in PIECES:
        text = before + (piece * CHARS)[:CHARS]
        began = time.process_time()
        found(name, text, r"\boxed{17} " + text[: CHARS // 2], Domain.MATH)
        assert time.process_time() - began < SECONDS, piece
