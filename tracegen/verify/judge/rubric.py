"""The verifier of ``rubric`` references: it knows no rule, and hands every answer on to the judge."""

from dataclasses import dataclass
from typing import ClassVar

from tracegen.types import Outcome, Reference, RubricReference, Trace, Verdict


@dataclass(frozen=True, slots=True)
class RubricVerifier:
    """Leaves everything undecided."""

    name: ClassVar[str] = "rubric/1"
    reads: ClassVar[frozenset[str]] = frozenset({"rubric"})

    def check(self, reference: Reference) -> str:
        """Why a reference cannot be judged against, or an empty string."""
        known = isinstance(reference, RubricReference) and reference.rubric.strip()
        return "" if known else "there is no rubric"

    def deadline_s(self, _: Reference) -> None:
        """What the pool gives."""

    def quick(self, reference: Reference, trace: Trace) -> Verdict:  # noqa: ARG002 -- the seam's
        """Undecided, at once."""
        if why := self.check(reference):
            return Verdict(Outcome.UNDECIDED, "reference_unreadable", why)
        return Verdict(Outcome.UNDECIDED, "no_rule", "a rubric takes a judge")

    verify = quick
