"""Completion tokens by what became of them: every token was paid for, and each is accounted for once."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # progress is imported by the command line, which starts without pydantic
    from tracegen.types import Outcome


@dataclass(slots=True)
class TokenCounts:
    """By cause. ``lost`` and ``canary`` tokens never reached the ledger; all others did."""

    kept: int = 0
    """In traces that count for the corpus."""
    surplus: int = 0
    """In right traces beyond what their prompt needed."""
    rejected: int = 0
    """In wrong traces."""
    filtered: int = 0
    """In traces that a filter left out; nobody knows whether they were right."""
    truncated: int = 0
    """In traces that ran into the token limit."""
    looped: int = 0
    """In completions that the guard stopped."""
    undecided: int = 0
    """In traces that no verifier could judge."""
    lost: int = 0
    """Decoded by replicas that died before the attempt was done."""
    canary: int = 0
    """Asked of the replicas to see whether they do what the recipe says; no attempt's."""

    @property
    def recorded(self) -> int:
        judged = self.kept + self.surplus + self.rejected + self.filtered + self.undecided
        return judged + self.truncated + self.looped

    @property
    def spent(self) -> int:
        return self.recorded + self.lost + self.canary

    def add(self, other: "TokenCounts") -> None:
        """Add another's counts to these."""
        for cause in CAUSES:
            setattr(self, cause, getattr(self, cause) + getattr(other, cause))


CAUSES = ("kept", "surplus", "rejected", "filtered", "truncated", "looped", "undecided", "lost", "canary")


def cause(outcome: "Outcome", reason: str, *, wanted: bool) -> str:
    """Under which cause a judged completion's tokens are counted; ``wanted``: its prompt was short of traces."""
    if outcome == "correct":
        return "kept" if wanted else "surplus"
    if reason in ("truncated", "looped"):
        return reason
    if reason.startswith("filtered:"):
        return "filtered"
    return "rejected" if outcome == "incorrect" else "undecided"
