"""What every verifier promises, whichever it is."""

import inspect
import pickle
import time

import pytest

from tracegen.protocols import Verifier
from tracegen.registry import names, resolve
from tracegen.types import (
    AnswerReference,
    ChoiceReference,
    NoReference,
    Outcome,
    ProceduralReference,
    Reference,
    Trace,
    Verdict,
)

GIVEN: dict[str, Reference] = {
    "answer": AnswerReference(answer="12"),
    "choice": ChoiceReference(answer="B", options=("13", "12")),
    "procedural": ProceduralReference(
        dataset="chain_sum", item={"question": "5 + 7", "answer": "12", "metadata": {"difficulty": {}}}
    ),
}
BUILT_IN = [name for name in names("verifier") if name in ("choice", "logic", "math")]


@pytest.fixture(params=BUILT_IN)
def verifier(request: pytest.FixtureRequest) -> Verifier:
    if request.param == "logic":
        pytest.importorskip("reasoning_gym")
    made: Verifier = resolve("verifier", request.param)()
    return made


def test_it_names_itself_and_what_it_reads(verifier: Verifier) -> None:
    stem, _, version = verifier.name.partition("/")
    assert stem.isidentifier()
    assert version.isdigit()
    assert verifier.reads


def test_it_survives_pickling_with_its_options(verifier: Verifier) -> None:
    assert repr(pickle.loads(pickle.dumps(verifier))) == repr(verifier)


def test_it_can_read_what_it_says_it_reads(verifier: Verifier) -> None:
    for kind in verifier.reads:
        assert verifier.check(GIVEN[kind]) == ""
    assert verifier.check(NoReference())


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (r"It is \boxed{12}.", Outcome.CORRECT),
        (r"It is \boxed{13}.", Outcome.INCORRECT),
        (r"\boxed{}", Outcome.INCORRECT),
    ],
)
def test_known_right_and_known_wrong(verifier: Verifier, answer: str, expected: Outcome) -> None:
    for kind in verifier.reads:
        assert verifier.verify(GIVEN[kind], Trace("thinking", answer)).outcome is expected


def test_only_the_answer_counts(verifier: Verifier) -> None:
    for kind in verifier.reads:
        trace = Trace(r"\boxed{12}", r"So \boxed{13}.")
        assert verifier.verify(GIVEN[kind], trace).outcome is Outcome.INCORRECT


@pytest.mark.parametrize("answer", [r"\boxed{12}", r"\boxed{13}", "", r"\boxed{x^2}", "\\", r"\boxed{" * 50, "12"])
def test_quick_says_nothing_that_verify_takes_back(verifier: Verifier, answer: str) -> None:
    for kind in verifier.reads:
        quick = verifier.quick(GIVEN[kind], Trace("", answer))
        whole = verifier.verify(GIVEN[kind], Trace("", answer))
        assert isinstance(whole, Verdict)
        assert quick is None or quick == whole
        assert whole == verifier.verify(GIVEN[kind], Trace("", answer))


def test_quick_is_quick_on_hostile_text(verifier: Verifier) -> None:
    for text in ("$" * 200_000, "\\boxed{" * 30_000, r"\boxed{" + "9" * 200_000 + "}", r"\boxed{" + " ," * 990 + "}"):
        begun = time.process_time()
        for kind in verifier.reads:
            verifier.quick(GIVEN[kind], Trace("", text))
        assert time.process_time() - begun < 0.5


def test_reasons_are_short_codes(verifier: Verifier) -> None:
    for kind in verifier.reads:
        for answer in (r"\boxed{12}", r"\boxed{13}", "", r"\boxed{1,\ldots}", r"\boxed{twelve}"):
            reason = verifier.verify(GIVEN[kind], Trace("", answer)).reason
            assert reason.isidentifier()
            assert reason == reason.lower()


def test_it_is_documented(verifier: Verifier) -> None:
    assert inspect.getdoc(type(verifier))
