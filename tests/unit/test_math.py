"""What the math verifier accepts, rejects, and leaves open. Many rows of the second table math-verify 0.9 accepts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegen.types import AnswerReference, NoReference, Outcome, Trace, Verdict
from tracegen.verify.math import MathVerifier

CORRECT, INCORRECT, UNDECIDED = Outcome.CORRECT, Outcome.INCORRECT, Outcome.UNDECIDED


def judge(reference: str, answer: str) -> Verdict:
    return MathVerifier().verify(AnswerReference(answer=reference), Trace("", rf"so it is \boxed{{{answer}}}."))


@pytest.mark.parametrize(
    ("reference", "answer"),
    [
        ("1/2", r"\frac{1}{2}"),
        ("0.5", r"\frac12"),
        ("1,000", "1000"),
        ("1{,}000", "1000"),
        ("10 000", "10,000"),
        (r"10\,000", "10000"),
        (r"\$18", "18"),
        ("$x=2$", "2"),
        ("18 dollars", "18"),
        (r"\boxed{18}", "18"),
        (r"50\%", "0.5"),
        ("50", r"50\%"),
        (r"10\%", r"\frac{1}{10}"),
        (r"2\frac13", r"\frac73"),
        ("1 1/2", "1.5"),
        (r"-2\frac{1}{2}", "-2.5"),
        (r"0.\overline{3}", r"\frac13"),
        (r"3\times10^{-2}", "0.03"),
        ("10^6", "1000000"),
        ("2^{100}", "1267650600228229401496703205376"),
        ("5!", "120"),
        (r"\binom{10}{3}", "120"),
        (r"-\frac{1}{2}", r"\frac{-1}{2}"),
        (r"\sqrt{8}", r"2\sqrt2"),
        (r"\frac{1}{\sqrt2}", r"\frac{\sqrt2}{2}"),
        (r"\sqrt[3]{-8}", "-2"),
        (r"e^{2\ln 3}", "9"),
        (r"\log_2 8", "3"),
        ("1+2i", "2i+1"),
        (r"\lfloor 3.7\rfloor", "3"),
        ("x^2+2x+1", "(x+1)^2"),
        (r"2\pi r h", r"2\pi hr"),
        (r"\frac{abc}{4R}", r"\frac{bca}{4R}"),
        (r"\sin^2 x", r"1-\cos^2 x"),
        (r"\sum_{k=1}^{n} k", r"\frac{n(n+1)}{2}"),
        (r"120^\circ", r"\frac{2\pi}{3}"),
        ("30", r"30^\circ"),
        (r"5\text{ cm}", "5"),
        ("5", r"5\text{ cm}"),
        (r"6\text{ meters}", "6 m"),
        (r"25\pi\text{ square units}", r"25\pi"),
        (r"\frac{3}{4}\text{ hours}", "0.75"),
        ("x=5", "5"),
        ("5", "x=5"),
        ("f(x)=2x+1", "2x+1"),
        (r"\frac{1}{3} \approx 0.333", r"\frac13"),
        (r"\frac13", r"x = \frac13 \approx 0.333"),
        (r"\frac13", r"x = \frac26 = \frac13"),
        ("(1,2)", r"\left(1,2\right)"),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", "(1,2)"),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{bmatrix}1&2\\3&\frac{8}{2}\end{bmatrix}"),
        (r"\{1,2\}", "2, 1"),
        ("1,2", r"2 \text{ and } 1"),
        ("3 or 5", "5, 3"),
        (r"\pm 2", "2,-2"),
        ("a=-2, b=-2", "-2,-2"),
        ("x=1, y=2", "y=2, x=1"),
        ("(x,y)=(1,2)", "x=1, y=2"),
        ("(x,y)=(1,2)", "(1,2)"),
        (r"\{(1,2),(3,4)\}", "(3,4),(1,2)"),
        (r"x\in[2,3)", "[2,3)"),
        (r"\{x|-1<x<1\}", "(-1,1)"),
        (r"(-\infty,2)\cup(3,\infty)", r"(3,+\infty)\cup(-\infty,2)"),
        ("3x+4y=5", "6x+8y-10=0"),
        ("y = \\frac{1}{2}x + 3", "x - 2y + 6 = 0"),
        ("xy = 6", r"\frac{6}{x}"),
        ("y=2x", "2x"),
        ("a < b < c", "c > b > a"),
        ("7:3", r"\frac73"),
        ("(A)", "A"),
        (r"\text{(C)}", "C"),
        (r"\text{Yes}", "yes"),
        ("30.52", r"\frac{1587}{52}"),
        (r"6.67\%", r"\frac{1}{15}"),
    ],
)
def test_the_same_answer_in_other_words(reference: str, answer: str) -> None:
    assert judge(reference, answer).outcome is CORRECT


@pytest.mark.parametrize(
    ("reference", "answer"),
    [
        (r"1-1/\mathrm{e}", r"1+1/\mathrm{e}"),
        ("1/2^{99}", "1/2^{98}"),
        ("1/2004!", "1/2006!"),
        (r"\frac{1}{3\cdot2^{2006}}", r"\frac{2^{2005}+1}{3\cdot2^{2006}}"),
        (r"1,2,\ldots,n", r"1,3,5,\ldots,2n-1"),
        (r"1:2:3:\ldots", r"1:4:9:\ldots"),
        ("4", r"4\sqrt(2)"),
        ("3x+4y+14=0", "3*x-1*y+13=0"),
        (r"\forall x>0, f(x)=0", "f(x)=0"),
        ("f(x)=0", r"\forall x>0, f(x)=0"),
        ("1728", "1331 and 1728"),
        ("1", r"\gcd(2^{100000}-1,3^{90000}-1)"),
        ("1", r"\pm 1\pm 1\pm 1"),
        ("x=1", "x=1, y=2"),
        ("5", "5 or 6"),
        ("2", "x=2 or x=3"),
        ("1", r"\text{either }1\text{ or }2"),
        ("5", "5=6"),
        ("5", r"5\approx 6"),
        (r"\frac13", r"\frac13=\frac14"),
        ("(1,2)", "(2,1)"),
        ("[1,2]", "(1,2)"),
        (r"\{1,2\}", r"\{1,2,3\}"),
        ("1,2", "1"),
        ("x<3", r"x\le 3"),
        ("x<3", "x>3"),
        (r"(-\infty,1)", r"(-\infty,2)"),
        ("x=5", r"x\ne 5"),
        ("12", "1 2"),
        ("12", "①②"),
        ("-3", "3"),
        ("10", r"10^{10}"),
        ("0.5", "0.05"),
        ("1,000", "1"),
        ("3 cm", "3 m"),
        (r"\sqrt{2}", "1.41"),
        (r"\frac{600}{7}", "85.71"),
        ("e", "2.718281828"),
        ("0", "10^{-20}"),
        ("1", "1+10^{-30}"),
        (r"50\%", r"50.5\%"),
        ("x^2", "x^3"),
        ("2x", "x^2"),
        ("x", "y"),
        (r"\sqrt{x^2}", "x"),
        ("B", "D"),
        (r"\text{yes}", r"\text{no}"),
        ("3", r"\text{not }3"),
        (r"\emptyset", "0"),
        (r"\log_2 8", r"\log 8"),
        (r"90^\circ", r"90\pi"),
        ("1/2x", "1/(2x)"),
        ("5", "5x"),
        ("5", "5+"),
        ("5", "5'"),
        ("5", "5]"),
        ("5", r"\{5"),
        ("5", "="),
        ("5", "{"),
        ("5", "the answer is correct"),
        ("1", "0/0"),
        ("1", "NaN"),
        ("6.018", r"6\frac{1}{64}"),
        ("0.5", r"\frac{497}{999}"),
    ],
)
def test_what_is_not_shown_to_be_the_same_is_not_accepted(reference: str, answer: str) -> None:
    assert judge(reference, answer).outcome is not CORRECT


@pytest.mark.parametrize(
    ("reference", "answer", "reason"),
    [
        ("ellipse", "circle", "text_answer"),
        ("x+1", "n+1", "different_letters"),
        ("5 cm", r"5\text{ m}", "different_units"),
        ("1.27", "1.3", "rounded"),
        (r"\sqrt{x^2}", "x", "depends_on_the_domain"),
        (r"1,2,\ldots,n", r"1,3,\ldots,n", "ellipsis"),
        ("1", "10^{9}!", "too_big"),
        ("1", "7" * 3_000, "too_big"),
        ("1/xy", "y/x", "ambiguous"),
        (r"\frac{1}{2", "5", "reference_unreadable"),
        ("$", "5", "reference_unreadable"),
    ],
)
def test_undecided_says_why(reference: str, answer: str, reason: str) -> None:
    verdict = judge(reference, answer)
    assert (verdict.outcome, verdict.reason) == (UNDECIDED, reason)


@pytest.mark.parametrize(
    ("answer", "reason"), [("no box: 5", "no_answer"), (r"\boxed{}", "no_answer"), (r"\boxed{6}", "different")]
)
def test_incorrect_says_why(answer: str, reason: str) -> None:
    verdict = MathVerifier().verify(AnswerReference(answer="5"), Trace(r"\boxed{5}", answer))
    assert (verdict.outcome, verdict.reason) == (INCORRECT, reason)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sum\nA: 42", CORRECT),
        ("#### 42", CORRECT),
        ("The final answer is 42.", CORRECT),
        ("**A: 42**", CORRECT),
        ("A: 4.2", INCORRECT),
        ("42", INCORRECT),
        ("A: 42\nbut then", INCORRECT),
        ("A: 42\n\\boxed{41}", INCORRECT),
    ],
)
def test_the_last_line_counts_where_it_is_asked_for(text: str, expected: Outcome) -> None:
    verifier, reference = MathVerifier(answer_from="box_or_last_line"), AnswerReference(answer="42")
    verdict = verifier.quick(reference, Trace("", text)) or verifier.verify(reference, Trace("", text))
    assert verdict.outcome is expected


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        (AnswerReference(answer="5"), ""),
        (AnswerReference(answer=r"\frac{1}{2"), "do not balance"),
        (AnswerReference(answer="$ $"), "empty"),
        (AnswerReference(answer="9" * 5_000), "5000 characters"),
        (NoReference(), "kind 'none'"),
    ],
)
def test_check_says_why(reference: AnswerReference | NoReference, words: str) -> None:
    why = MathVerifier().check(reference)
    assert words in why if words else not why


numbers = st.one_of(st.integers(), st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str)).map(str)


@given(numbers)
def test_a_number_is_equal_to_itself_and_to_no_other(number: str) -> None:
    assert judge(number, number).outcome is CORRECT
    assert judge(number, f"{number}1" if "." in number else f"{number}0" if int(number) else "1").outcome is not CORRECT


@given(st.text(alphabet=r"01x+-^/(){}[]|,.=<>\ $%'!:" + "ab", max_size=40))
def test_any_text_gets_a_verdict(text: str) -> None:
    assert isinstance(judge("1", text), Verdict)
    assert isinstance(judge(text or "1", "1"), Verdict)
