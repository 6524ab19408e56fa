"""From a URL's query to what is asked of the index. Every mistake is a UserError of one line; it asks nothing itself."""

from multidict import MultiMapping

from tracegen.browse.notes import MARKS
from tracegen.catalog.browsing import FACETS, SORTS, Filter, Page
from tracegen.errors import UserError

MOST_ROWS = 200
LONGEST_SEARCH = 500


_KNOWN = {*FACETS, "mark", "min", "max", "sort", "limit", "after", "before", "q"}


def filter_of(query: MultiMapping[str]) -> Filter:
    """Which rows are wanted."""
    if unknown := sorted({*query} - _KNOWN):
        raise UserError(f"no filter {unknown[0]!r}", hint=f"there is: {', '.join(sorted(_KNOWN))}")
    marks = _all(query, "mark")
    if wrong := [mark for mark in marks if mark not in MARKS]:
        raise UserError(f"no mark {wrong[0]!r}", hint=f"there is: {', '.join(MARKS)}")
    facets = {name: given for name in FACETS if (given := _all(query, name))}
    return Filter(facets, marks, _tokens(query, "min"), _tokens(query, "max"))


def page_of(query: MultiMapping[str]) -> Page:
    """Which part of them."""
    sort = query.get("sort", "") or "id"
    if sort not in SORTS:
        raise UserError(f"no order {sort!r}", hint=f"there is: {', '.join(SORTS)}")
    if query.get("after") and query.get("before"):
        raise UserError("after and before at once", hint="give one of them")
    limit = _whole(query.get("limit", ""), "limit") or 50
    if limit > MOST_ROWS:
        raise UserError(f"limit {limit} is more than a page holds", hint=f"at most {MOST_ROWS}")
    return Page(sort, limit, _key(query, "after", sort), _key(query, "before", sort))


def text_of(query: MultiMapping[str]) -> str:
    """What is searched for."""
    text = query.get("q", "")
    if not text:
        raise UserError("nothing to search for", hint="give q=TEXT")
    if len(text) > LONGEST_SEARCH:
        raise UserError(f"a text of {len(text)} characters to search for", hint=f"at most {LONGEST_SEARCH}")
    return text


def written(key: object, row_id: str) -> str:
    """A row's place in an order, as ``after`` and ``before`` have it."""
    return f"{key}~{row_id}"


def _all(query: MultiMapping[str], name: str) -> list[str]:
    return query.getall(name, [])


def _tokens(query: MultiMapping[str], name: str) -> int | None:
    return _whole(query.get(name, ""), name)


def _whole(text: str, name: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise UserError(f"{name}={text[:40]!r} is no whole number", hint=f"as {name}=1000")
    return int(text)


def _key(query: MultiMapping[str], name: str, sort: str) -> tuple[float | str, str] | None:
    text = query.get(name, "")
    if not text:
        return None
    value, found, row_id = text.partition("~")
    if not found:
        raise UserError(f"{name}={text[:80]!r} is no place in the list", hint="it is made by the page itself")
    if sort == "id":
        return value, row_id
    try:
        return float(value), row_id
    except ValueError:
        raise UserError(
            f"{name}={text[:80]!r} is no place in this order", hint="leave it out for the first page"
        ) from None
