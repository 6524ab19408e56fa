"""A text, looked for from the first id to the last: hits as they are found, and how far it has come.

Text is read once in steps of rows that lie together; first small ones, so that something is seen soon.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from tracegen.browse.filters import written
from tracegen.browse.questions import Dataset
from tracegen.catalog.browsing import Filter, Page, between, holding, steps

FIRST_ROWS = 2048
MOST_ROWS = 32_768


async def hits(
    dataset: Dataset, wanted: Filter, text: str, part: Page, *, corpus: bool
) -> AsyncIterator[dict[str, Any]]:
    """Lines for the page: ``{"row": …}``, ``{"searched": rows so far, "of": rows}``, at last ``{"after": place}``."""
    cuts = await dataset.ask(lambda connection: steps(connection, wanted, FIRST_ROWS))
    domains = wanted.facets.get("domain", ())
    low = part.after[1] if part.after else ""
    begun = sum(1 for cut in cuts if cut <= low)
    found = 0
    for done, high in _widening(cuts[begun:]):
        rows = await dataset.ask(lambda connection, low=low, high=high: between(connection, wanted, low, high))  # type: ignore[misc]
        holders = (
            await dataset.read(
                lambda connection, low=low, high=high: holding(connection, text, domains, (low, high), corpus=corpus)  # type: ignore[misc]
            )
            if rows
            else set()
        )
        for row_id in sorted(holders & rows.keys()):
            place = written(row_id, row_id)
            yield {"row": {**rows[row_id], "key": place}}
            found += 1
            if found == part.limit:
                yield {"after": place}
                return
        yield {"searched": begun + done, "of": len(cuts)}
        low = high
    yield {"after": ""}


def _widening(cuts: Sequence[str]) -> list[tuple[int, str]]:
    """How many cuts are done after each step, and the step's last id; each step is twice as wide as the one before."""
    taken, width, result = 0, 1, list[tuple[int, str]]()
    while taken < len(cuts):
        taken = min(len(cuts), taken + width)
        result.append((taken, cuts[taken - 1]))
        width = min(2 * width, MOST_ROWS // FIRST_ROWS)
    return result
