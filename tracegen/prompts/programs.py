"""Tests of programs as the open sets write them, made into references. They are judged in ``verify/code``, not here."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from tracegen.recipe_reads import InputOutput, TestCases, TestLists
from tracegen.references import UnreadableReference
from tracegen.types import AssertsReference, Reference, StdioReference, StdioTest

Limits = InputOutput | TestLists | TestCases

READS_AND_PRINTS = "Write a program that reads from standard input and writes to standard output."
FUNCTION = "Write a Python function named `{name}`."
SIGNATURE = "Write a Python function with this signature:\n\n```python\n{signature}\n```"
SAME = '''
from math import isclose

def same(found, expected):
    """JSON knows no tuples, and sums of floats differ in their last digits by the order in which they are made."""
    if isinstance(found, (list, tuple)) and isinstance(expected, list):
        return len(found) == len(expected) and all(map(same, found, expected))
    if isinstance(found, dict) and isinstance(expected, dict):
        named = {str(key): value for key, value in found.items()}
        return named.keys() == expected.keys() and all(same(named[key], expected[key]) for key in expected)
    if isinstance(found, float) and isinstance(expected, (int, float)):
        return found == expected or isclose(found, expected, rel_tol=1e-9)
    return found == expected

def fits(found, accepted):
    return any(same(found, one) for one in accepted)
'''.strip()
"""Compares as APPS does (hendrycks/apps, eval/testing_util.py: tuples are lists), floats by 1e-9 where it is exact."""
_SELF = re.compile(r"\(\s*self\s*,?\s*")


@dataclass(frozen=True, slots=True)
class Task:
    """A reference, and what the text of its prompt has to say for it."""

    reference: Reference
    below: str = ""


def from_input_output(found: object, starter: object, limits: Limits) -> Task:
    """``{"inputs": […], "outputs": […], "fn_name": …}``: of a program, or of calls. Raises UnreadableReference."""
    if not isinstance(found, dict):
        raise UnreadableReference("its tests are no JSON object")
    inputs, outputs = found.get("inputs"), found.get("outputs")
    if not isinstance(inputs, list) or not isinstance(outputs, list) or len(inputs) != len(outputs):
        raise UnreadableReference("inputs and outputs are no lists of one length")
    pairs = _picked(list(zip(inputs, outputs, strict=True)), limits)
    name = found.get("fn_name")
    return _calls(str(name), pairs, str(starter or "")) if name else _program(pairs)


def from_lists(found: Sequence[object], limits: Limits) -> Task:
    """Structs of two lists, or lists of structs, one after the other. Raises UnreadableReference."""
    pairs = [pair for tests in found for pair in _pairs(tests)]
    return _program(_picked(pairs, limits))


def from_cases(found: object, limits: Limits) -> Task:
    """``[{"type": "stdin_stdout" or "function_call", "input", "output", "fn_name"}, …]``. Raises UnreadableReference."""
    if not isinstance(found, list) or any(not isinstance(case, dict) for case in found):
        raise UnreadableReference("test_cases is no list of objects")
    kinds, names = {case.get("type") for case in found}, {case.get("fn_name") for case in found}
    pairs = _picked([(case.get("input"), case.get("output")) for case in found], limits)
    if kinds == {"stdin_stdout"}:
        return _program(pairs)
    if kinds == {"function_call"} and len(names) == 1:
        return _calls(str(names.pop()), pairs, "")
    raise UnreadableReference(f"test cases of types {', '.join(sorted(map(str, kinds)))}")


def _pairs(tests: object) -> list[tuple[object, object]]:
    if isinstance(tests, Mapping):
        inputs, outputs = tests.get("input") or [], tests.get("output") or []
        if len(inputs) != len(outputs):
            raise UnreadableReference("inputs and outputs are no lists of one length")
        return list(zip(inputs, outputs, strict=True))
    if isinstance(tests, list):
        return [(test.get("input"), test.get("output")) for test in tests if isinstance(test, dict)]
    return []


def _picked(pairs: list[tuple[object, object]], limits: Limits) -> list[tuple[object, object]]:
    """Tests within the limits, each once; of too many, evenly spaced ones, the first and the last among them."""
    if not pairs:
        raise UnreadableReference("it has no tests")
    by_text = {json.dumps(pair, ensure_ascii=False, default=str): pair for pair in pairs}
    small = [pair for text, pair in by_text.items() if len(text) <= limits.test_bytes]
    if not small:
        raise UnreadableReference(f"each of its tests is larger than {limits.test_bytes} bytes")
    if len(small) <= limits.most_tests:
        return small
    step = (len(small) - 1) / max(1, limits.most_tests - 1)
    return [small[round(number * step)] for number in range(limits.most_tests)]


def _program(pairs: list[tuple[object, object]]) -> Task:
    try:
        tests = tuple(StdioTest(input=_lines(given), output=_lines(expected)) for given, expected in pairs)
        return Task(StdioReference(tests=tests), READS_AND_PRINTS)
    except ValidationError as error:
        raise UnreadableReference(error.errors()[0]["msg"]) from error


def _lines(found: object) -> str:
    """What is read or printed. APPS has lists of lines in places (hendrycks/apps, eval/testing_util.py)."""
    if isinstance(found, list):
        return "\n".join(map(str, found))
    return "" if found is None else str(found)


def _calls(name: str, pairs: list[tuple[object, object]], starter: str) -> Task:
    if not name.isidentifier():
        raise UnreadableReference(f"{name[:40]!r} is no name of a function")
    asserts = tuple(_assertion(name, arguments, expected) for arguments, expected in pairs)
    return Task(AssertsReference(entry_point=name, setup=SAME, asserts=asserts), _asked(name, starter))


def _assertion(name: str, arguments: object, expected: object) -> str:
    if not isinstance(arguments, list):
        raise UnreadableReference(f"the arguments of {name} are {type(arguments).__name__}, not a list")
    call = f"{name}({', '.join(map(repr, arguments))})"
    # APPS wraps what is returned in a list in places, and not in others; its own harness takes both.
    accepted = [expected, *expected] if isinstance(expected, list) and len(expected) == 1 else [expected]
    return f"assert fits({call}, {accepted!r})"


def _asked(name: str, starter: str) -> str:
    """What is asked for. A method of a class is asked for as a function: that is what can be called."""
    head = re.search(rf"^[ \t]*(def {re.escape(name)}\(.*?\).*?:)[ \t]*$", starter, re.MULTILINE | re.DOTALL)
    if head is None:
        return FUNCTION.format(name=name)
    return SIGNATURE.format(signature=_SELF.sub("(", head[1], count=1))
