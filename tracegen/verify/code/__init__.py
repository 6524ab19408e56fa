"""The code verifier, ``code/1``: programs against tests. It judges what a program does, not how it is written.

Programs run in sandboxes only; expected values and the verdict never enter the process of the program (docs/code.md).
"""

import atexit
from dataclasses import dataclass, field, replace
from functools import cache
from typing import ClassVar, Literal, get_args

from tracegen.types import CodeReference, Outcome, Reference, StdioReference, Trace, Verdict
from tracegen.verify.code import functions, stdio
from tracegen.verify.code.extract import program
from tracegen.verify.code.judge import judge
from tracegen.verify.code.reading import functions_of, problem
from tracegen.verify.sandbox.contract import Isolation, Language, Sandbox
from tracegen.verify.sandbox.opening import open_sandbox

MAX_CHARACTERS = 200_000
"""Longest program that is run."""

__all__ = ["CodeVerifier"]


@dataclass(frozen=True, slots=True)
class CodeVerifier:
    """Judges ``stdio``, ``asserts`` and ``check`` references."""

    code_from: Literal["block", "block_or_all"] = "block"
    """Where the program stands. ``block``: in a fenced block, or there is none: what a corpus should teach.

    ``block_or_all``: without a block, the whole answer, if it is Python; for traces that others made.
    """
    isolation: Isolation = field(default="auto", repr=False)
    """How programs are kept apart from the machine; no part of the verdict set's name, for it decides no verdict."""

    name: ClassVar[str] = "code/1"
    reads: ClassVar[frozenset[str]] = frozenset({"stdio", "asserts", "check"})

    def isolated(self, isolation: Isolation) -> "CodeVerifier":
        """The same verifier with another isolation."""
        return replace(self, isolation=isolation)

    def preflight(self) -> None:
        """Raises UserError where this machine cannot run programs as they are to be isolated."""
        open_sandbox(self.isolation).close()

    def check(self, reference: Reference) -> str:
        """Why a reference cannot be judged against, or an empty string."""
        return problem(reference)

    def deadline_s(self, reference: Reference) -> float:
        """Seconds that a case may take: a backstop, for each run has limits of its own."""
        if isinstance(reference, StdioReference):
            return stdio.longest_s(reference)
        return 2 * functions.CLOCKS_S + 10

    def quick(self, reference: Reference, trace: Trace) -> Verdict | None:
        """Only that there is no program: even to parse one is not without risk."""
        if not isinstance(reference, CodeReference):
            return Verdict(Outcome.UNDECIDED, "reference_unreadable", problem(reference))
        found = self.program(reference, trace)
        if found is None:
            return Verdict(Outcome.INCORRECT, "no_code", "the answer has no fenced block of code")
        if len(found[1]) > MAX_CHARACTERS:
            return Verdict(Outcome.UNDECIDED, "too_big", f"a program of {len(found[1])} characters")
        return None

    def verify(self, reference: Reference, trace: Trace) -> Verdict:
        """Run it. Raises UserError where there is no sandbox."""
        verdict = self.quick(reference, trace)
        if verdict is not None:
            return verdict
        found = self.program(reference, trace)
        if not isinstance(reference, CodeReference) or not found or problem(reference):
            return Verdict(Outcome.UNDECIDED, "reference_unreadable", problem(reference))
        return judge(_sandbox(self.isolation), reference, *found)

    def warm(self) -> None:
        """Start the sandbox. It lives as long as this process."""
        _sandbox(self.isolation)

    def program(self, reference: Reference, trace: Trace) -> tuple[Language, str] | None:
        """Language and source of the program that a trace gives."""
        names = functions_of(reference)
        languages: tuple[Language, ...] = ("python",) if names else get_args(Language)
        found = program(trace.answer, languages, names[0] if names else "")
        if found is None and self.code_from == "block_or_all" and trace.answer.strip():
            return "python", trace.answer
        return found


@cache
def _sandbox(isolation: Isolation) -> Sandbox:
    sandbox = open_sandbox(isolation)
    atexit.register(sandbox.close)
    return sandbox
