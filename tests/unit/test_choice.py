"""What the choice verifier takes for an option, and what it takes for hedging."""

import pytest

from tracegen.types import AnswerReference, ChoiceReference, Outcome, Trace, Verdict
from tracegen.verify.choice import ChoiceVerifier

CORRECT, INCORRECT, UNDECIDED = Outcome.CORRECT, Outcome.INCORRECT, Outcome.UNDECIDED
TEXTS = ("a virus", "a bacterium", "a fungus", "none of the above")
NUMBERS = ("1/4", r"\frac{1}{2}", r"\sqrt{8}", "0.75")


def judge(answer: str, right: str = "C", options: tuple[str, ...] = TEXTS) -> Verdict:
    reference = ChoiceReference(answer=right, options=options)
    return ChoiceVerifier().verify(reference, Trace(r"\boxed{A}", rf"so it is \boxed{{{answer}}}."))


@pytest.mark.parametrize(
    "answer",
    [
        "C",
        "c",
        "(C)",
        "C.",
        "C)",
        r"\text{C}",
        r"\text{(C)}",
        r"\textbf{(C)}",
        r"\mathrm{C}",
        r"\boxed{C}",
        "$C$",
        "**C**",
        "Option C",
        "the correct answer is (C)",
        "Answer: C",
        r"\text{Option C}",
        "C. a fungus",
        "(C) a fungus",
        "C: A fungus.",
        r"\text{(C) a fungus}",
        r"\textbf{(C)}\ \text{a fungus}",
        "a fungus",
        "A fungus.",
        r"\text{a fungus}",
    ],
)
def test_the_option_by_letter_and_by_text(answer: str) -> None:
    assert judge(answer).outcome is CORRECT
    assert judge(answer, "B").outcome is INCORRECT


@pytest.mark.parametrize(
    "answer", ["A or C", "A and C", "C or A", "A, C", "AC", "(A)(C)", "A/C", "C & D", "(A) or (C)"]
)
def test_several_letters_are_no_answer(answer: str) -> None:
    assert judge(answer).outcome is INCORRECT
    assert judge(answer).reason == "several_options"


@pytest.mark.parametrize(
    ("answer", "outcome", "reason"),
    [
        ("E", INCORRECT, "no_such_option"),
        ("", INCORRECT, "no_answer"),
        ("  ", INCORRECT, "no_answer"),
        ("C. a virus", UNDECIDED, "letter_and_text_differ"),
        ("A. a fungus", UNDECIDED, "letter_and_text_differ"),
        ("C. something else", UNDECIDED, "letter_and_text_differ"),
        ("E. a fungus", UNDECIDED, "no_such_option"),
        ("C, not A", UNDECIDED, "several_options"),
        ("not C", UNDECIDED, "several_options"),
        ("mould", UNDECIDED, "no_option_named"),
        ("a fungus or a virus", UNDECIDED, "no_option_named"),
        ("not a fungus", UNDECIDED, "no_option_named"),
        ("the answer is correct", UNDECIDED, "no_option_named"),
        ("{", UNDECIDED, "no_option_named"),
        ("C. a fungus or (A)", UNDECIDED, "several_options"),
        ("C" * 3_000, UNDECIDED, "too_big"),
    ],
)
def test_what_is_not_one_option(answer: str, outcome: Outcome, reason: str) -> None:
    reference = ChoiceReference(answer="C", options=TEXTS)
    verdict = ChoiceVerifier().verify(reference, Trace("", rf"\boxed{{{answer.replace('{', chr(92) + '{')}}}"))
    assert (verdict.outcome, verdict.reason) == (outcome, reason)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (r"\frac12", INCORRECT),
        (r"2\sqrt{2}", CORRECT),
        ("C. 2\\sqrt2", CORRECT),
        ("B. 0.5", INCORRECT),
        ("C. 0.5", UNDECIDED),
        ("0.25", INCORRECT),
        ("7", UNDECIDED),
        ("2.83", UNDECIDED),
    ],
)
def test_an_option_that_is_mathematics(answer: str, outcome: Outcome) -> None:
    assert judge(answer, "C", NUMBERS).outcome is outcome


def test_equal_options_cannot_be_told_apart_by_text() -> None:
    assert judge("5", "A", ("5", "5", "6")).reason == "equal_options"
    assert judge("0.5", "A", ("1/2", "2/4", "6")).reason == "equal_options"
    assert judge("A", "A", ("5", "5", "6")).outcome is CORRECT


def test_an_option_whose_text_is_anothers_letter() -> None:
    assert judge("A", "B", ("B", "A", "C")).reason == "ambiguous"
    assert judge("C", "C", ("B", "A", "C")).outcome is CORRECT


def test_options_may_begin_with_their_letters() -> None:
    options = ("A. red", "B. green", "C) blue", "(D) all of A and B")
    assert judge("blue", "C", options).outcome is CORRECT
    assert judge("C. blue", "C", options).outcome is CORRECT
    assert judge("all of A and B", "D", options).outcome is CORRECT
    assert judge("A and B", "D", options).outcome is INCORRECT


def test_without_texts_the_letter_is_all() -> None:
    assert judge("C", options=()).outcome is CORRECT
    assert judge("(C) 42", options=()).outcome is CORRECT
    assert judge("D", options=()).outcome is INCORRECT
    assert judge("42", options=()).reason == "no_options"
    assert judge("C or D", options=()).outcome is INCORRECT


def test_the_last_line_counts_where_it_is_asked_for() -> None:
    reference = ChoiceReference(answer="C", options=TEXTS)
    for text in ("Answer: C", "The answer is (C).", "A: C", "#### C"):
        assert ChoiceVerifier("box_or_last_line").verify(reference, Trace("", text)).outcome is CORRECT
        assert ChoiceVerifier().verify(reference, Trace("", text)).reason == "no_answer"


def test_check_says_why() -> None:
    check = ChoiceVerifier().check
    assert check(ChoiceReference(answer="(C)", options=TEXTS)) == ""
    assert "no letter" in check(ChoiceReference(answer="a fungus", options=TEXTS))
    assert "there are 4 options" in check(ChoiceReference(answer="E", options=TEXTS))
    assert "kind 'answer'" in check(AnswerReference(answer="C"))
