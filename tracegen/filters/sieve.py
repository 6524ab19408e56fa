"""All filters of a recipe as one: the first that finds something decides. Pure; the cheapest come first."""

import json
from collections.abc import Callable
from typing import Any

from tracegen.filter_options import Filter, Filters
from tracegen.filters import conclusion, form, languages, loops, personal, refusals
from tracegen.filters.finding import MAX_DETAIL, Finding, Subject

VERSION = "filters/1"
"""A change of behaviour, or of a default, is a change of version."""

Look = Callable[[Subject, Any], str]
"""A filter: what it found, or an empty string. Its second argument are its own options."""

FILTERS: dict[str, Look] = {
    "truncation": form.truncation,
    "thin_reasoning": form.thin_reasoning,
    "code_blocks": form.code_blocks,
    "chat_markers": form.chat_markers,
    "refusals": refusals.refusals,
    "long_paragraphs": form.long_paragraphs,
    "conclusion": conclusion.conclusion,
    "personal_data": personal.personal_data,
    "loops": loops.loops,
    "mixed_languages": languages.mixed_languages,
}
"""By key in the recipe, in the order in which they are asked."""


class Sieve:
    """The filters that a recipe has turned on."""

    def __init__(self, filters: Filters) -> None:
        """Raises MissingDependency where a library is not installed."""
        self._filters: list[tuple[str, Look, Filter]] = [
            (name, look, options) for name, look in FILTERS.items() if (options := getattr(filters, name)) is not None
        ]
        self._identity = json.dumps(filters.model_dump(mode="json", exclude_defaults=True), sort_keys=True)
        if filters.mixed_languages is not None:
            languages.load()

    @property
    def name(self) -> str:
        """Version, as a verdict row names it."""
        return VERSION

    def __repr__(self) -> str:
        """Everything that decides what passes, apart from the version."""
        return f"Sieve({self._identity})"

    def find(self, subject: Subject) -> Finding | None:
        """What the first filter with a finding found; None for a trace that passes."""
        for name, look, options in self._filters:
            if subject.domain not in options.spare and (detail := look(subject, options)):
                return Finding(name, detail[:MAX_DETAIL])
        return None
