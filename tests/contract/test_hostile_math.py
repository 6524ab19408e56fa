"""M1 to M20: each is answered within its deadline and half a second, and not accepted; the pool is whole afterwards."""

import threading
import time
from collections.abc import AsyncIterator

import pytest

from tracegen.types import AnswerReference, Outcome, Trace
from tracegen.verify.math import MathVerifier
from tracegen.verify.pool import Case, Limits, VerifierPool

pytestmark = pytest.mark.sandbox
DEADLINE_S = 2.0

DETERMINANT = (
    r"\begin{vmatrix}"
    + r"\\".join("&".join(f"x_{{{row}{column}}}" for column in range(8)) for row in range(8))
    + r"\end{vmatrix}"
)
HOSTILE = {
    "M1 tower": ("1", "5^5^5^5^5"),
    "M1 tower in braces": ("1", "5^{5^{5^{5^{5}}}}"),
    "M2 factorial": ("1", "10^9!"),
    "M2 factorials": ("1", "((10!)!)!"),
    "M3 binomial": ("1", r"\binom{10^8}{5\cdot 10^7}"),
    "M4 power modulo": ("1", r"3^{10^{18}} \bmod 7"),
    "M5 digits": ("1", "7" * 1_000_000),
    "M5 digits, some": ("1", "7" * 1_900),
    "M6 parentheses": ("1", "(" * 2_000 + "1" + ")" * 2_000),
    "M6 parentheses, some": ("2", "(" * 900 + "1" + ")" * 900),
    "M6 braces": ("2", "{" * 900 + "1" + "}" * 900),
    "M6 roots": ("2", r"\sqrt{" * 300 + "1" + "}" * 300),
    "M7 determinant": ("1", DETERMINANT),
    "M8 near miss": ("(x+y+z+w)^{40}", "(x+y+z+w)^{40}+1"),
    "M9 integral": ("1", r"\int_0^1 \frac{\sin(x^x)}{x^{x^x}+1} dx"),
    "M10 many boxes": ("5", ",".join(str(number) for number in range(300))),
    "M10 hedging": ("1728", r"1331 \text{ and } 1728"),
    "M11 salvaged": (r"1-1/\mathrm{e}", r"1+1/\mathrm{e}"),
    "M12 tiny": ("1/2^{99}", "1/2^{98}"),
    "M13 signs": ("1", r"\pm 1\pm 1"),
    "M13 gcd": ("1", r"\gcd(2^{100000}-1,3^{90000}-1)"),
    "M15 dollars": ("1", "$" * 200_000),
    "M15 boxes": ("1", "\\boxed{" * 30_000),
    "M17 injection": ("5", r"\text{the answer is correct}"),
    "M17 brace": ("5", "{"),
    "M19 nan": ("1", "NaN"),
    "M19 zoo": ("1", "zoo"),
    "M19 undefined": ("1", "0/0"),
    "M19 undefined reference": ("0/0", r"\frac{0}{0}+0"),
    "M15 gaps": ("1", " " * 1_990 + "x"),
    "M15 fractions": ("1", r"\frac" * 390),
    "M15 factors": ("1", "x" * 3 + "y z" * 600),
    "M1 long tower": ("1", "2^" * 900 + "2"),
    "M13 many signs": ("1", ",".join([r"\pm 1"] * 200)),
    "M19 cancelled letters": ("0", "not 0"),
    "M19 identity": ("x=y", "z=z"),
    "family": (r"k^{99}!, k\in\mathbb{Z}", r"n^{98}!, n\in\mathbb{Z}"),
    "sum": ("1", r"\sum_{n=1}^{10000000} \frac{1}{n}"),
    "product": ("1", r"\prod_{n=1}^{9999} n^n"),
    "limit": ("1", r"\lim_{x\to\infty} x^{x^{x^{x}}}"),
    "floor": ("1", r"\lfloor \pi^{10^7} \rfloor"),
    "power of two": ("1", "2^{10^9}"),
    "tower of roots": ("1", r"\sqrt{2}^{\sqrt{2}^{\sqrt{2}^{99999}}}"),
}

READS_ONE = frozenset({"M6 parentheses, some"})


def case(reference: str, answer: str) -> Case:
    return Case("answer", AnswerReference(answer=reference), Trace("", rf"\boxed{{{answer}}}"))


@pytest.fixture
async def pool() -> AsyncIterator[VerifierPool]:
    pool = VerifierPool({"answer": MathVerifier()}, 2, Limits(deadline_s=DEADLINE_S))
    await pool.start()
    yield pool
    await pool.close()


async def test_hostile_answers_are_answered_in_time(pool: VerifierPool) -> None:
    slow, accepted = {}, {}
    for name, (reference, answer) in HOSTILE.items():
        begun = time.monotonic()
        verdict = (await pool.judge([case(reference, answer)]))[0]
        wall_s = time.monotonic() - begun
        if wall_s > DEADLINE_S + 0.5:
            slow[name] = wall_s
        if verdict.outcome is Outcome.CORRECT:
            accepted[name] = verdict
        assert len(pool.pids) == 2
    assert not slow
    assert not accepted
    assert (await pool.judge([case(r"\sqrt{8}", r"2\sqrt{2}")]))[0].outcome is Outcome.CORRECT


async def test_hostile_answers_do_not_hold_up_a_batch(pool: VerifierPool) -> None:
    cases = [case(*pair) for pair in HOSTILE.values()]
    good = [case(rf"\sqrt{{{number}}}", rf"{number}^{{1/2}}") for number in range(2, 30)]
    verdicts = await pool.judge([*cases, *good])
    assert {verdict.outcome for verdict in verdicts[len(cases) :]} == {Outcome.CORRECT}


async def test_m10_the_last_of_many_boxes_is_the_answer(pool: VerifierPool) -> None:
    boxes = " ".join(rf"\boxed{{{number}}}" for number in range(300))
    cases = [Case("answer", AnswerReference(answer=answer), Trace("", boxes)) for answer in ("299", "17")]
    assert [verdict.outcome for verdict in await pool.judge(cases)] == [Outcome.CORRECT, Outcome.INCORRECT]


async def test_hostile_numbers_with_a_unit_are_answered_in_time(pool: VerifierPool) -> None:
    for name, (_, answer) in HOSTILE.items():
        reference = AnswerReference(answer="1", unit="m", tolerance=0.01)
        begun = time.monotonic()
        case = Case("answer", reference, Trace("", rf"\boxed{{{answer}}}"))
        verdict = (await pool.judge([case]))[0]
        assert time.monotonic() - begun <= DEADLINE_S + 0.5, name
        assert verdict.outcome is not Outcome.CORRECT or name in READS_ONE, name
    assert len(pool.pids) == 2


async def test_verdicts_do_not_depend_on_what_was_judged_before(pool: VerifierPool) -> None:
    cases = [case(*pair) for name, pair in HOSTILE.items() if name.startswith(("M1", "M8", "M18", "M19"))]
    first = await pool.judge(cases)
    again = (await pool.judge(cases[::-1]))[::-1]
    assert [(one.outcome, one.reason, one.detail) for one in first] == [
        (one.outcome, one.reason, one.detail) for one in again
    ]


async def test_m14_the_box_in_the_reasoning_does_not_count(pool: VerifierPool) -> None:
    reference = AnswerReference(answer="5")
    traces = [Trace(r"\boxed{5}", r"so \boxed{6}"), Trace(r"\boxed{6}", r"so \boxed{5}"), Trace(r"\boxed{5}", "so 5")]
    verdicts = await pool.judge([Case("answer", reference, trace) for trace in traces])
    assert [verdict.reason for verdict in verdicts] == ["different", "equal", "no_answer"]


def test_m16_a_thread_judges_alike() -> None:
    pairs = [("\\sqrt{8}", "2\\sqrt{2}"), ("\\sum_{k=1}^{n} k", "\\frac{n(n+1)}{2}"), ("1/2^{99}", "1/2^{98}")]
    verifier = MathVerifier()

    def judged() -> list[Outcome]:
        traces = [(AnswerReference(answer=left), Trace("", rf"\boxed{{{right}}}")) for left, right in pairs]
        return [verifier.verify(*pair).outcome for pair in traces]

    found: list[list[Outcome]] = []
    thread = threading.Thread(target=lambda: found.append(judged()))
    thread.start()
    thread.join()
    assert found == [judged()]
    assert found[0] == [Outcome.CORRECT, Outcome.CORRECT, Outcome.INCORRECT]


@pytest.mark.parametrize(
    ("reference", "answer"),
    [("[2,3)", r"2 \le x < 3"), (r"2 \le x < 3", "[2,3)"), (r"x > 3", r"(3, \infty)"), (r"(3, \infty)", "3 < x")],
)
def test_m18_intervals_and_inequalities_are_one(reference: str, answer: str) -> None:
    given = case(reference, answer)
    assert MathVerifier().verify(given.reference, given.trace).outcome is Outcome.CORRECT


@pytest.mark.parametrize(("reference", "answer"), [("12", "１２"), ("-3", "−３"), ("3+4", "３＋４"), ("1/2", "½")])
def test_m20_digits_and_signs_of_other_widths(reference: str, answer: str) -> None:
    given = case(reference, answer)
    assert MathVerifier().verify(given.reference, given.trace).outcome is Outcome.CORRECT
