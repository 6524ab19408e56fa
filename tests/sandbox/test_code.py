"""Programs judged for real: what passes, what does not, and why; by itself and in the pool."""

import json
import shutil
from pathlib import Path

import pytest

from tracegen.errors import UserError
from tracegen.judging import judge_file
from tracegen.prompts.programs import from_input_output
from tracegen.recipe_reads import InputOutput
from tracegen.types import (
    AssertsReference,
    CheckReference,
    CodeReference,
    Outcome,
    StdioReference,
    StdioTest,
    Trace,
    Verdict,
)
from tracegen.verify.code import CodeVerifier, functions
from tracegen.verify.pool import Case, VerifierPool
from tracegen.verify.preflight import Preflights
from tracegen.verify.sandbox.contract import Allowance

pytestmark = pytest.mark.sandbox
CODE = CodeVerifier()
needs_gpp = pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")


def fenced(program: str, language: str = "python") -> Trace:
    return Trace("thinking", f"So:\n\n```{language}\n{program}\n```\n")


def judged(reference: CodeReference, program: str, language: str = "python") -> tuple[str, str]:
    verdict = CODE.verify(reference, fenced(program, language))
    assert verdict.reason.isidentifier()
    assert CODE.check(reference) == ""
    return verdict.outcome.value, verdict.reason


PASSED, WRONG = ("correct", "passed"), ("incorrect", "wrong_answer")
NODE = "class Node:\n    def __init__(self, value):\n        self.value, self.left, self.right = value, None, None\n"
TREE = "root = Node(1)\nroot.left = Node(2)\nroot.left.left = Node(3)\n"
HEIGHT = "def height(node):\n    return 0 if node is None else 1 + max(height(node.left), height(node.right))\n"
PYTHON_ASSERTS = [
    ("", ["assert f(1) == 2", "assert f(x=2) == 3"], "def f(x): return x + 1", "def f(x): return x + 2"),
    ("", ["assert f(2) == True"], "def f(x): return 1", "def f(x): return 2"),
    ("", ["assert f(2) == (1, 2)"], "def f(x): return (1, 2)", "def f(x): return [1, 2]"),
    ("", ["assert f() == None"], "def f(): pass", "def f(): return 0"),
    ("", ["assert set(f([1, 1])) == set([1])"], "def f(x): return x", "def f(x): return x + [2]"),
    ("import math", ["assert math.isclose(f(2), 0.5)"], "def f(x): return 1 / x", "def f(x): return 1 // x"),
    ("", ["assert math.isclose(f(2), 0.5)"], "import math\ndef f(x): return 1 / x", "def f(x): return x"),
    ("", ["assert list(f(3)) == [0, 1, 2]"], "def f(x): yield from range(x)", "def f(x): yield from range(2)"),
    (
        "",
        ["assert sorted(f('ab')) == [('a', 1), ('b', 1)]"],
        "def f(s): return {c: 1 for c in s}.items()",
        "def f(s): return []",
    ),
    ("", ["assert f('aab') == {'a': 2, 'b': 1}"], "import collections\nf = collections.Counter", "def f(s): return {}"),
    ("", ["assert f(f(1)) == 3"], "def f(x): return x + 1", "def f(x): return x"),
    ("", ["assert all(f(n) == n * n for n in range(9))"], "def f(n): return n * n", "def f(n): return n"),
    ("", ["assert f(lambda x: x + 1, 2) == 3"], "def f(g, x): return g(x)", "def f(g, x): return x"),
    (
        "",
        ["assert f([1, 'a'], int) == [1]"],
        "def f(a, t): return [x for x in a if type(x) is t]",
        "def f(a, t): return a",
    ),
    ("", ["assert f(10**40) == 10**40 + 1"], "def f(x): return x + 1", "def f(x): return x"),
    ("", ["assert not f('x')", "assert f('')"], "def f(x): return not x", "def f(x): return not not x"),
    ("", ["assert sum(10, 15) == 6"], "def sum(a, b): return 6", "def sum(a, b): return 7"),
    (
        "data = [3, 1, 2]",
        ["assert f(data) is None", "assert data == [1, 2, 3]"],
        "def f(x): x.sort()",
        "def f(x): sorted(x)",
    ),
    ("def twice(x): return 2 * x", ["assert f(2) == twice(2)"], "def f(x): return x + x", "def f(x): return twice(x)"),
    (TREE, ["assert height(root) == 3"], NODE + HEIGHT, NODE + HEIGHT.replace("1 +", "2 +")),
    (NODE + TREE, ["assert (height(root)) == 3"], HEIGHT, HEIGHT.replace("1 +", "2 +")),
    (NODE, ["assert height(Node(1)) == 1"], HEIGHT, HEIGHT.replace("1 +", "2 +")),
]


@pytest.mark.parametrize(("setup", "asserts", "right", "wrong"), PYTHON_ASSERTS)
def test_asserts(setup: str, asserts: list[str], right: str, wrong: str) -> None:
    reference = AssertsReference(setup=setup, asserts=tuple(asserts))
    assert judged(reference, right) == PASSED
    assert judged(reference, wrong)[0] == "incorrect"


def test_asserts_that_cannot_be_held_are_undecided() -> None:
    tree = AssertsReference(setup=TREE, asserts=("assert height(root) == 3",))
    assert judged(tree, "class Tree: ...\n" + HEIGHT) == ("undecided", "arguments_unavailable")
    broken = AssertsReference(asserts=("assert f(1) == undefined",))
    assert judged(broken, "def f(x): return x") == ("undecided", "reference_failed")
    endless = AssertsReference(setup="def g():\n    while True: pass", asserts=("assert f(1) == g()",))
    assert CODE.check(endless) == ""


CYCLIC = '''
import random


def encode(text: str):
    """Groups of three, each turned by one."""
    groups = [text[at : at + 3] for at in range(0, len(text), 3)]
    return "".join(group[1:] + group[0] if len(group) == 3 else group for group in groups)


def decode(text: str):
    """The inverse of encode."""
'''
CYCLIC_CHECK = """
METADATA = {"author": "me"}


def check(candidate):
    import string
    for _ in range(100):
        text = "".join(random.choice(string.ascii_lowercase) for _ in range(random.randint(10, 20)))
        assert candidate(encode(text)) == text, "Prompt code is there, too"
    try:
        candidate(3)
    except TypeError:
        pass
    else:
        assert False, "a number is no text"
"""


@pytest.mark.parametrize(
    ("program", "verdict"),
    [
        ("def decode(text): return encode(encode(text))", PASSED),
        ("    return encode(encode(text))", PASSED),
        ("def decode(text): return encode(text)", WRONG),
        ("def decode(text): return encode(encode(str(text)))", WRONG),
        ("def decode(text): return encode(encode(text)) if text else 1 / 0", PASSED),
        ("def decode(text): return 1 / 0", ("incorrect", "runtime_error")),
        ("def other(text): return text", ("incorrect", "wrong_answer")),
        ("import nothing_of_this_name", ("incorrect", "runtime_error")),
    ],
)
def test_check_functions(program: str, verdict: tuple[str, str]) -> None:
    assert judged(CheckReference(entry_point="decode", prompt=CYCLIC, check=CYCLIC_CHECK), program) == verdict


@pytest.mark.parametrize(
    ("check", "verdict"),
    [
        ("def check(candidate): pass", ("undecided", "reference_failed")),
        ("def check(candidate):\n    assert abs(candidate(2) - 4.0) < 1e-6", PASSED),
        ("def check(f):\n    for x in range(5):\n        assert f(x) == x * x, f'{x}'", PASSED),
        ("def check(f):\n    values = [1, 2]\n    assert list(map(f, values)) == [1, 4]", PASSED),
        ("def check(candidate):\n    assert square(3) == 9", PASSED),
        ("def check(candidate):\n    assert candidate(3) == other(3)", ("undecided", "reference_failed")),
        ("import numpy_of_another_name\ndef check(candidate): candidate(1)", ("undecided", "reference_failed")),
        ("def check(candidate):\n    assert candidate(object())", ("undecided", "arguments_unavailable")),
        ("def check(candidate):\n    candidate(1)\n    import os\n    os._exit(0)", ("undecided", "reference_failed")),
    ],
)
def test_ways_to_check(check: str, verdict: tuple[str, str]) -> None:
    reference = CheckReference(entry_point="square", check=check)
    assert judged(reference, "def square(x):\n    '''Square.'''\n    return x * x") == verdict


SUM = StdioReference(
    tests=tuple(StdioTest(input=f"{a} {b}\n", output=f"{a + b}\n") for a, b in [(1, 2), (5, 7), (0, 0)])
)


@pytest.mark.parametrize(
    ("program", "verdict"),
    [
        ("print(sum(map(int, input().split())))", PASSED),
        ("import sys\nif __name__ == '__main__':\n    print(sum(map(int, sys.stdin.read().split())))", PASSED),
        ("print(3)", WRONG),
        ("print(int(input()))", ("incorrect", "runtime_error")),
        ("print(1", ("incorrect", "syntax_error")),
        ("while True: pass", ("incorrect", "time_limit")),
        ("x = [0] * 10**10", ("incorrect", "memory_limit")),
    ],
)
def test_programs_that_read_and_print(program: str, verdict: tuple[str, str]) -> None:
    assert judged(SUM.model_copy(update={"time_limit_s": 1.0}), program) == verdict


@needs_gpp
@pytest.mark.parametrize(
    ("program", "verdict"),
    [
        ("#include <iostream>\nint main() { int a, b; std::cin >> a >> b; std::cout << a + b; }", PASSED),
        ("#include <iostream>\nint main() { int a, b; std::cin >> a >> b; std::cout << a - b; }", WRONG),
        ("int main() { return undeclared; }", ("incorrect", "compile_error")),
        ("int main() { volatile int *a = nullptr; return *a; }", ("incorrect", "runtime_error")),
    ],
)
def test_cpp(program: str, verdict: tuple[str, str]) -> None:
    assert judged(SUM, program, "cpp") == verdict


def test_the_first_test_that_fails_is_told() -> None:
    verdict = CODE.verify(SUM, fenced("print(3)"))
    assert verdict.detail == "test 2 of 3: line 1 is '3', not '12'"


def test_ten_megabytes_of_output_are_compared() -> None:
    lines = "".join(f"{number * 7919} {number}\n" for number in range(650_000))
    assert len(lines) > 10_000_000
    reference = StdioReference(tests=(StdioTest(input="", output=lines),))
    program = "print('\\n'.join(f'{n * 7919} {n}' for n in range({})))"
    assert judged(reference, program.replace("{}", "650_000", 1).replace("({})", "(650_000)")) == PASSED
    assert judged(reference, program.replace("({})", "(649_999)")) == WRONG


@pytest.mark.parametrize(
    ("checker", "program", "verdict"),
    [
        ("def check(i, e, o): return sum(map(int, o.split())) == int(i)", "n = int(input())\nprint(n - 1, 1)", PASSED),
        ("def check(i, e, o): return sum(map(int, o.split())) == int(i)", "print(1, 1)", WRONG),
        ("def check(i, e, o): return int(o) == 1", "print('x')", ("undecided", "checker_failed")),
        ("def check(i, e, o): return None", "print('x')", ("undecided", "checker_failed")),
        ("def check(i, e, o):\n    import os\n    os._exit(0)", "print('x')", ("undecided", "checker_failed")),
        ("def check(i, e, o):\n    print('true')\n    return False", "print('x')", WRONG),
    ],
)
def test_checkers(checker: str, program: str, verdict: tuple[str, str]) -> None:
    reference = StdioReference(tests=(StdioTest(input="5\n", output="2 3\n"),), checker=checker)
    assert judged(reference, program) == verdict


def test_a_checker_that_never_ends_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracegen.verify.code.stdio.CHECKER", Allowance(cpu_s=1, wall_s=20))
    reference = StdioReference(tests=SUM.tests, checker="def check(i, e, o):\n    while True: pass")
    assert judged(reference, "print(1)") == ("undecided", "checker_failed")


def test_a_reference_that_never_ends_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functions, "EXAMINER", Allowance(cpu_s=1, wall_s=20))
    reference = CheckReference(entry_point="f", check="def check(f):\n    f()\n    while True: pass")
    assert judged(reference, "def f(): return 1") == ("undecided", "reference_failed")


ADD = AssertsReference(asserts=("assert add(1, 2) == 3",))
GOOD = "def add(a, b): return a + b"


async def test_in_a_pool() -> None:
    pool = VerifierPool({"code": CODE}, 2)
    cases = [Case("code", ADD, fenced(program)) for program in (GOOD, GOOD.replace("+", "-"), "x = 1", "x =") * 5]
    await pool.start()
    try:
        verdicts = await pool.judge(cases)
        again = await pool.judge(cases)
    finally:
        await pool.close()
    assert [verdict.reason for verdict in verdicts] == ["passed", "wrong_answer", "no_entry_point", "syntax_error"] * 5
    assert [_told(verdict) for verdict in verdicts] == [_told(verdict) for verdict in again]
    assert all(verdict.cpu_s > 0 for verdict in verdicts if verdict.reason == "passed")


async def test_the_pools_deadline_is_not_the_programs() -> None:
    from tracegen.verify.process import Limits

    slow = StdioReference(tests=SUM.tests[:2])
    program = "import time\nbegun = time.monotonic()\nwhile time.monotonic() - begun < 0.6: pass\n"
    pool = VerifierPool({"code": CODE}, 1, Limits(deadline_s=1.0))
    await pool.start()
    try:
        (verdict,) = await pool.judge([Case("code", slow, fenced(program + "print(sum(map(int, input().split())))"))])
    finally:
        await pool.close()
    assert verdict.reason == "passed"


async def test_a_file_of_others_answers(tmp_path: Path) -> None:
    rows = [
        {"id": 1, "reference": ADD.model_dump(), "response": f"```python\n{GOOD}\n```"},
        {"id": 2, "reference": ADD.model_dump(), "response": GOOD},
        {"id": 3, "reference": ADD.model_dump(), "response": "The sum is 3."},
        {"id": 4, "reference": SUM.model_dump(), "response": f"<think>x</think>```python\n{GOOD}\n```"},
    ]
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = []
    for _ in range(2):
        await judge_file(source, target)
        found.append(target.read_bytes())
    assert found[0] == found[1]
    verdicts = [json.loads(line) for line in found[0].splitlines()]
    assert [row["reason"] for row in verdicts] == ["passed", "passed", "syntax_error", "wrong_answer"]
    assert {row["verifier"] for row in verdicts} == {"code/1"}


def test_without_isolation_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracegen.verify.sandbox.opening._BEST_FIRST", ())
    before = Preflights({"asserts": CODE, "answer": CODE})
    before.before("other")
    with pytest.raises(UserError, match="isolation"):
        before.before("asserts")
    Preflights({"asserts": CODE.isolated("none")}).before("asserts")


def _told(verdict: Verdict) -> tuple[Outcome, str, str]:
    return verdict.outcome, verdict.reason, verdict.detail


@pytest.mark.parametrize(
    ("tests", "right", "wrong"),
    [
        ('"inputs": [[[3, 1], 1]], "outputs": [[3]]', "def f(a, k): return a[0]", "def f(a, k): return a[1]"),
        ('"inputs": [[[3, 1], 1]], "outputs": [[3]]', "def f(a, k): return [a[0]]", "def f(a, k): return []"),
        ('"inputs": [[2]], "outputs": [[[1, 2]]]', "def f(n): return (1, n)", "def f(n): return (n, 1)"),
        ('"inputs": [["é"]], "outputs": [null]', "def f(s): pass", "def f(s): return s"),
        ('"inputs": [[0.1, 0.2]], "outputs": [0.3]', "def f(a, b): return a + b", "def f(a, b): return a - b"),
        ('"inputs": [[1]], "outputs": [{"1": 2}]', "def f(a): return {a: 2}", "def f(a): return {a: 1}"),
    ],
)
def test_calls_as_apps_writes_them(tests: str, right: str, wrong: str) -> None:
    how = InputOutput(how="input_output", tests="input_output")
    reference = from_input_output(json.loads(f'{{"fn_name": "f", {tests}}}'), "", how).reference
    assert isinstance(reference, AssertsReference)
    assert judged(reference, right) == PASSED
    assert judged(reference, wrong) == WRONG
