"""Answers with a unit and a tolerance."""

import pytest

from tracegen.types import AnswerReference, Outcome, Trace, Verdict
from tracegen.verify.math import MathVerifier
from tracegen.verify.math.measures import measure

CORRECT, INCORRECT, UNDECIDED = Outcome.CORRECT, Outcome.INCORRECT, Outcome.UNDECIDED


def judge(answer: str, right: str = "9.81", unit: str = "m/s^2", tolerance: float | None = 0.01) -> Verdict:
    reference = AnswerReference(answer=right, unit=unit, tolerance=tolerance)
    verdict = MathVerifier().quick(reference, Trace("", rf"\boxed{{{answer}}}"))
    return verdict or MathVerifier().verify(reference, Trace("", rf"\boxed{{{answer}}}"))


@pytest.mark.parametrize(
    ("answer", "outcome", "reason"),
    [
        ("9.81", CORRECT, "equal"),
        ("9.8", CORRECT, "within_tolerance"),
        ("9.9", CORRECT, "within_tolerance"),
        ("10", INCORRECT, "different"),
        ("-9.81", INCORRECT, "different"),
        (r"9.8\text{ m/s}^2", CORRECT, "within_tolerance"),
        (r"9.8\,\mathrm{m/s^2}", CORRECT, "within_tolerance"),
        (r"9.8 \text{ meters per second squared}", CORRECT, "within_tolerance"),
        (r"980\text{ cm/s^2}", CORRECT, "within_tolerance"),
        (r"9.8\text{ cm/s^2}", INCORRECT, "different"),
        (r"9.8\text{ m/s}", INCORRECT, "different_dimension"),
        (r"9.8\text{ kg}", INCORRECT, "different_dimension"),
        (r"9.8\text{ apples}", UNDECIDED, "different_units"),
        (r"g = 9.8\text{ m/s}^2", CORRECT, "within_tolerance"),
        (r"g \approx 9.8", CORRECT, "within_tolerance"),
        ("9.8 m/s^2", CORRECT, "within_tolerance"),
        (r"3.1321^2", CORRECT, "within_tolerance"),
        ("9.8 or 10", INCORRECT, "different_shapes"),
        ("x", INCORRECT, "different"),
        ("", INCORRECT, "no_answer"),
    ],
)
def test_an_acceleration(answer: str, outcome: Outcome, reason: str) -> None:
    verdict = judge(answer)
    assert (verdict.outcome, verdict.reason) == (outcome, reason)


@pytest.mark.parametrize(
    ("answer", "right", "unit", "tolerance", "outcome"),
    [
        ("100", "100", "", 0.0, CORRECT),
        ("101", "100", "", 0.01, CORRECT),
        ("101.01", "100", "", 0.01, INCORRECT),
        ("99", "100", "", 0.01, CORRECT),
        ("100", "100", "cm", None, CORRECT),
        (r"1\text{ m}", "100", "cm", None, CORRECT),
        (r"1.001\text{ m}", "100", "cm", None, INCORRECT),
        (r"6\times10^{23}", r"6.02\times 10^{23}", "", 0.01, CORRECT),
        (r"6\times10^{22}", r"6.02\times 10^{23}", "", 0.01, INCORRECT),
        (r"25^\circ\text{C}", "298.15", "K", 0.001, CORRECT),
        (r"77^\circ\text{F}", "25", r"^\circ C", 0.001, CORRECT),
        (r"60^\circ", "1.0472", "rad", 0.001, CORRECT),
        (r"\frac{\pi}{3}", "1.0472", "rad", 0.001, CORRECT),
        (r"5\text{ kJ}", "5000", "J", 0.01, CORRECT),
        (r"3\text{ mW}", "3", "MW", 0.01, INCORRECT),
        (r"36\text{ km/h}", "10", "m/s", 0.01, CORRECT),
        (r"36\text{ kilometers per hour}", "10", "m/s", 0.01, CORRECT),
        (r"2\sqrt{2}", "2.83", "", 0.01, CORRECT),
        (r"5\text{ apples}", "5", "apples", None, CORRECT),
        (r"5\text{ oranges}", "5", "apples", None, UNDECIDED),
        (r"25\%", "25", "%", 0.01, CORRECT),
        ("0", "0", "", 0.01, CORRECT),
        ("0.0001", "0", "", 0.01, INCORRECT),
        (r"\$5", "500", "cents", None, CORRECT),
    ],
)
def test_tolerances_and_units(answer: str, right: str, unit: str, tolerance: float | None, outcome: Outcome) -> None:
    assert judge(answer, right, unit, tolerance).outcome is outcome


def test_a_unit_is_one_of_a_closed_list() -> None:
    assert all(measure(words) for words in ("km", "square feet", r"kg \cdot m/s^2", "mol/L", "miles per hour", "eV"))
    assert not any(measure(words) for words in ("people", "apples", "cats", "x", "", "points", "ms^{-1}", "__import__"))
