r"""Probes: traces that are known to be right or wrong, by kind of reference. Whoever judges them is asked elsewhere.

They belong to the kind, not to a verifier, so that a plug-in is probed as our own are. Whatever reads ``answer``
references, for one, must know that :math:`\sqrt{12}` is :math:`2\sqrt{3}`, and that it is not :math:`2\sqrt{5}`. Some
are settled at sight, others need the whole of a verifier.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tracegen.types import (
    AnswerReference,
    AssertsReference,
    CheckReference,
    ChoiceReference,
    Outcome,
    ProceduralReference,
    Reference,
    StdioReference,
    StdioTest,
    Trace,
    Verdict,
)


@dataclass(frozen=True, slots=True)
class Probe:
    """A trace whose judgement is known."""

    reference: Reference
    trace: Trace
    right: bool

    @property
    def kind(self) -> str:
        return self.reference.kind

    def refutes(self, verdict: Verdict) -> bool:
        """Whether no sound verifier says this. An undecided one is not refuted: see :meth:`misses`."""
        return verdict.outcome is (Outcome.INCORRECT if self.right else Outcome.CORRECT)

    def misses(self, verdict: Verdict) -> bool:
        """Whether the verdict lets the probe down without being refuted: a right trace that is left undecided."""
        return self.right and verdict.outcome is Outcome.UNDECIDED


def _answers(answer: str, *, right: Sequence[str] = (), wrong: Sequence[str] = ()) -> Iterator[Probe]:
    return boxed(AnswerReference(answer=answer), right, wrong)


def boxed(reference: Reference, right: Sequence[str], wrong: Sequence[str]) -> Iterator[Probe]:
    for texts, is_right in ((right, True), (wrong, False)):
        for text in texts:
            yield Probe(reference, Trace("A probe.", rf"The answer is \boxed{{{text}}}."), is_right)


def _programs(reference: Reference, right: Sequence[str], wrong: Sequence[str]) -> Iterator[Probe]:
    for sources, is_right in ((right, True), (wrong, False)):
        for source in sources:
            yield Probe(reference, Trace("A probe.", f"```python\n{source}```"), is_right)


_CHOICE = ChoiceReference(answer="C", options=("London", "Rome", "Paris", "Berlin"))
_COUNTDOWN = ProceduralReference(
    dataset="countdown",
    item={
        "question": "Calculate 309 using all of these numbers: 6, 61, 94, 4.",
        "answer": "94*4 - 61 - 6",
        "metadata": {"numbers": [6, 61, 94, 4], "target": 309},
    },
)
_CHAIN_SUM = ProceduralReference(
    dataset="chain_sum", item={"question": "4 - 1 - 7 =", "answer": "-4", "metadata": {"expression": "4 - 1 - 7"}}
)
_STDIO = StdioReference(tests=(StdioTest(input="2 3\n", output="5\n"), StdioTest(input="-7 4\n", output="-3\n")))
_READ = "a, b = map(int, input().split())\n"
_ASSERTS = AssertsReference(entry_point="add", asserts=("assert add(2, 3) == 5", "assert add(-7, 4) == -3"))
_CHECK = CheckReference(
    entry_point="add",
    prompt="def add(a, b):\n",
    check="def check(candidate):\n    assert candidate(2, 3) == 5\n    assert candidate(-7, 4) == -3\n",
)
_ADD = ("def add(a, b):\n    return a + b\n", "def add(a, b):\n    return sum([a, b])\n")
_NOT_ADD = (
    "def add(a, b):\n    return a - b\n",
    "def add(a, b):\n    return None\n",
    "def add(a, b):\n    return 5\n",
    "class Same(int):\n    def __eq__(self, other):\n        return True\n\ndef add(a, b):\n    return Same(0)\n",
    "import os\n\nos._exit(0)\n",
)

PROBES: Mapping[str, tuple[Probe, ...]] = {
    "answer": (
        *_answers("12", right=("12", "12.0"), wrong=("13", "-12", "1.2")),
        *_answers(r"\frac{1}{2}", right=("0.5",), wrong=("2", "0.05")),
        *_answers(r"\sqrt{12}", right=(r"2\sqrt{3}",), wrong=(r"2\sqrt{5}", r"\sqrt{21}")),
        *_answers("x^2+2x+1", right=("(x+1)^2",), wrong=("(x-1)^2",)),
        *_answers("(1, 2)", right=("(1,2)",), wrong=("(2,1)",)),
    ),
    "choice": (*boxed(_CHOICE, ("C", "(C)"), ("A", "B", "D")),),
    "procedural": (
        *boxed(_COUNTDOWN, ("94*4 - 61 - 6", "4*94 - 6 - 61"), ("94*4 - 61 + 6", "309", "94*4 - 67")),
        *boxed(_CHAIN_SUM, ("-4",), ("4", "-5", "none")),
    ),
    "stdio": (
        *_programs(
            _STDIO,
            (_READ + "print(a + b)\n", "import sys\n\nprint(sum(map(int, sys.stdin.read().split())))\n"),
            (_READ + "print(a - b)\n", "print(5)\n", _READ + "print(a + b)\nprint(0)\n", "import os\n\nos._exit(0)\n"),
        ),
    ),
    "asserts": (*_programs(_ASSERTS, _ADD, _NOT_ADD),),
    "check": (*_programs(_CHECK, _ADD, _NOT_ADD),),
}
"""By kind of reference. ``rubric`` has none: its judge is no function of its input."""
