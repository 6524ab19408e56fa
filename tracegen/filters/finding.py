"""What a filter is asked, and what it answers. No filter."""

from dataclasses import dataclass

from tracegen.types import Domain, FinishReason, Trace

MAX_DETAIL = 200


@dataclass(frozen=True, slots=True)
class Subject:
    """A trace, and what a filter may know beside it."""

    trace: Trace
    domain: Domain
    finish_reason: FinishReason = FinishReason.STOP


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a trace is left out."""

    reason: str
    """The filter's key in the recipe, as ``long_paragraphs``."""
    detail: str
    """For people: what was found, and where; at most ``MAX_DETAIL`` characters."""


def shown(text: str, limit: int = 60) -> str:
    """A piece of text as a detail quotes it: one line, cut."""
    line = " ".join(text.split())
    return repr(line if len(line) <= limit else f"{line[:limit]}…")
