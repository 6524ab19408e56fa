"""How the tables of this folder ask a filter: with its own defaults, or those that a case names."""

from tracegen.filter_options import Filter, Filters
from tracegen.filters.finding import Subject
from tracegen.filters.sieve import FILTERS
from tracegen.types import Domain, FinishReason, Trace

ANSWER = "The result follows from the steps above."


def found(
    name: str,
    reasoning: str,
    answer: str = ANSWER,
    domain: Domain = Domain.MATH,
    finish: FinishReason = FinishReason.STOP,
    options: Filter | None = None,
) -> str:
    """What one filter says of a trace; empty where it passes. Spared domains are the sieve's to spare."""
    options = options or getattr(Filters(), name)
    return FILTERS[name](Subject(Trace(reasoning, answer), domain, finish), options)
