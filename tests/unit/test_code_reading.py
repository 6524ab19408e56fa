import ast
import pickle
from functools import partial

import pytest

from tracegen import order
from tracegen.errors import UserError
from tracegen.types import (
    AnswerReference,
    AssertsReference,
    CheckReference,
    Outcome,
    Reference,
    StdioReference,
    StdioTest,
    Trace,
)
from tracegen.verify.code import CodeVerifier
from tracegen.verify.code.endings import exception_type, verdict_on
from tracegen.verify.code.guest.calls import Asking, entry_points
from tracegen.verify.code.judge import syntax_error
from tracegen.verify.code.reading import completed, functions_of, prompt_code, shared_setup
from tracegen.verify.preflight import Preflights
from tracegen.verify.sandbox.contract import Ending, Ran
from tracegen.verify.spec import build_verifiers
from tracegen.verify.verdict_set import verdict_set

CODE = CodeVerifier()
CHECK = "def check(candidate):\n    assert candidate(1) == 2\n"


@pytest.mark.parametrize(
    ("asserts", "setup", "names"),
    [
        (["assert f(1) == 2"], "", ["f"]),
        (["assert (f(1)) == [2]"], "", ["f"]),
        (["assert set(f(1)) == set([2])"], "", ["f"]),
        (["assert sorted(f(1)) == sorted(other)"], "other = [1]", ["f"]),
        (["assert math.isclose(f(1), 2)"], "import math", ["f"]),
        (["assert not f(1)", "assert g(f(1))"], "", ["f", "g"]),
        (["assert f(Node(1)) == 2"], "", ["f"]),
        (["assert f(helper(1)) == helper(2)"], "def helper(x): return x", ["f"]),
        (["assert all(f(x) == x for x in range(3))"], "", ["f"]),
        (["assert f(1).upper() == 'A'"], "", ["f"]),
        (["assert sum(10, 15) == 6"], "", ["sum"]),
        (["assert 1 == 1"], "", []),
    ],
)
def test_whose_calls_are_the_answers(asserts: list[str], setup: str, names: list[str]) -> None:
    assert entry_points(setup, asserts) == names


def test_a_call_becomes_a_question() -> None:
    tree = Asking(["f"]).visit(ast.parse("assert f(f(1), *a, k=2) == g(3)"))
    assert ast.unparse(tree) == (
        "assert __ask__('f', lambda: __given__(__ask__('f', lambda: __given__(1), '__given__(1)'), *a, k=2), "
        "'__given__(f(1), *a, k=2)') == g(3)"
    )


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        (AssertsReference(asserts=("assert f(1) == 2",)), ""),
        (AssertsReference(asserts=("assert f(1) == ",)), "does not parse"),
        (AssertsReference(asserts=("assert f(1)",), setup="x ="), "does not parse"),
        (AssertsReference(asserts=("f(1)",)), "asserts nothing"),
        (AssertsReference(asserts=("assert 1",)), "no assertion calls"),
        (AssertsReference(asserts=("assert f(1)",), entry_point="g"), "no assertion calls 'g'"),
        (CheckReference(entry_point="f", check=CHECK), ""),
        (CheckReference(entry_point="f", check="def test(candidate): ..."), "no function check"),
        (CheckReference(entry_point="f", check="def check("), "does not parse"),
        (CheckReference(entry_point="f()", check=CHECK), "no name"),
        (StdioReference(tests=(StdioTest(input="", output="1"),)), ""),
        (StdioReference(tests=(StdioTest(input="1", output=" \n"),)), "no test expects"),
        (StdioReference(tests=(StdioTest(input="1", output=""),), checker="def check(i, e, o): return True"), ""),
        (StdioReference(tests=(StdioTest(input="1", output="1"),), checker="def other(): ..."), "checker has no"),
        (AnswerReference(answer="1"), "no program's"),
    ],
)
def test_unreadable_references_are_told(reference: Reference, why: str) -> None:
    found = CODE.check(reference)
    assert why in found
    assert bool(found) == bool(why)


def test_the_answers_side_gets_imports_and_classes_only() -> None:
    setup = "import math\nclass Node: ...\ndef oracle(x): return x\nexpected = 3\n"
    assert shared_setup(setup) == "import math\n\nclass Node:\n    ..."


def test_a_prompt_that_ends_in_a_signature_gets_a_body() -> None:
    assert prompt_code("def f(x):\n") == "def f(x):\n    pass\n"
    assert prompt_code("def f(x):\n    '''doc'''\n") == "def f(x):\n    '''doc'''\n"
    assert prompt_code("def f(") == ""


def test_an_answer_may_go_on_where_the_prompt_ends() -> None:
    reference = CheckReference(entry_point="f", prompt="def f(x):\n    '''doc'''", check=CHECK)
    assert completed(reference, "    return x + 1\n") == "def f(x):\n    '''doc'''\n    return x + 1\n"
    assert completed(reference, "def f(x): return x\n") == "def f(x): return x\n"


def test_the_function_of_a_reference() -> None:
    assert functions_of(CheckReference(entry_point="f", check=CHECK)) == ["f"]
    assert functions_of(StdioReference(tests=(StdioTest(input="", output="1"),))) == []


@pytest.mark.parametrize(
    "source", ["def f(", "return 1", "print 'x'", "a\x00b", "x = '\ud800'", "(" * 1000, "-" * 200_000 + "1"]
)
def test_what_is_no_python(source: str) -> None:
    assert syntax_error(source)


def test_warnings_of_the_compiler_are_nothing() -> None:
    assert syntax_error("x = 1 is 1\ny = '\\d'\n") == ""


@pytest.mark.parametrize(
    ("ran", "outcome", "reason", "detail"),
    [
        (Ran(Ending.FAILED, detail="no slot"), Outcome.UNDECIDED, "sandbox_failed", "test 1: no slot"),
        (Ran(Ending.WALL_LIMIT), Outcome.UNDECIDED, "wall_time", "stopped by the clock"),
        (Ran(Ending.CPU_LIMIT), Outcome.INCORRECT, "time_limit", "test 1"),
        (Ran(Ending.MEMORY_LIMIT), Outcome.INCORRECT, "memory_limit", "test 1"),
        (Ran(Ending.OUTPUT_LIMIT), Outcome.INCORRECT, "output_limit", "test 1"),
        (Ran(Ending.SIGNALLED, signal=11), Outcome.INCORRECT, "runtime_error", "SIGSEGV"),
        (Ran(Ending.SIGNALLED, signal=99), Outcome.INCORRECT, "runtime_error", "signal 99"),
        (Ran(Ending.EXITED, exit_code=3), Outcome.INCORRECT, "runtime_error", "exit code 3"),
    ],
)
def test_what_the_end_of_a_run_says(ran: Ran, outcome: Outcome, reason: str, detail: str) -> None:
    verdict = verdict_on(ran, "test 1")
    assert (verdict.outcome, verdict.reason) == (outcome, reason)
    assert detail in verdict.detail


def test_only_the_type_of_an_exception_is_told() -> None:
    traceback = b"Traceback (most recent call last):\n  File ...\nValueError: <object at 0x7f2a>\n"
    assert exception_type(traceback) == "ValueError"
    assert exception_type(b"Traceback (most recent call last):\n  ...\na.b.Error\n") == "a.b.Error"
    assert exception_type(b"ValueError: printed by itself\n") == ""


def test_the_isolation_is_no_part_of_the_verdict_sets_name() -> None:
    names = {"stdio": "code"}
    assert verdict_set(build_verifiers(names, isolation="none")) == verdict_set(build_verifiers(names))
    assert build_verifiers(names, isolation="none")["stdio"].isolation == "none"  # type: ignore[attr-defined]
    assert verdict_set({"stdio": CodeVerifier("block_or_all")}) != verdict_set(build_verifiers(names))


@pytest.mark.parametrize(
    "reference", [AssertsReference(asserts=("assert f(1)",)), CheckReference(entry_point="f", check=CHECK)]
)
def test_what_needs_no_run(reference: Reference) -> None:
    assert CODE.quick(reference, Trace("", "f is 3")) == CODE.verify(reference, Trace("", "f is 3"))
    assert CODE.verify(reference, Trace("```python\ndef f(x): return 2\n```", "No.")).reason == "no_code"
    assert CODE.verify(reference, Trace("", "```python\ndef f(\n```")).reason == "syntax_error"
    assert CODE.verify(AnswerReference(answer="1"), Trace("", "1")).reason == "reference_unreadable"


def test_a_case_has_time_for_all_of_its_tests() -> None:
    tests = tuple(StdioTest(input="", output="1") for _ in range(100))
    assert CODE.deadline_s(StdioReference(tests=tests)) > 1_000
    assert CODE.deadline_s(AssertsReference(asserts=("assert f(1)",))) > 120


def test_it_survives_pickling_with_its_options() -> None:
    verifier = CodeVerifier("block_or_all", "none")
    assert pickle.loads(pickle.dumps(verifier)) == verifier


def test_a_recipes_first_code_reference_looks_at_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracegen.verify.sandbox.opening._BEST_FIRST", ())
    verifiers = build_verifiers({"answer": "math", "stdio": "code"})
    read = partial(order._checked, verifiers, Preflights(verifiers))
    assert read(AnswerReference(answer="1")) == ""
    with pytest.raises(UserError, match="isolation"):
        read(StdioReference(tests=(StdioTest(input="", output="1"),)))
