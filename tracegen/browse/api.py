"""What the page asks for, as JSON: rows, counts, a search that streams, one trace, notes. It draws nothing."""

import json
import math
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from tracegen.browse.desk import Desk
from tracegen.browse.filters import filter_of, page_of, text_of, written
from tracegen.browse.search import hits
from tracegen.catalog.browsing import Page, attempts, counts, openings, page, prompt_id_of, texts
from tracegen.errors import TracegenError, UserError
from tracegen.extract import split
from tracegen.types import FinishReason, Trace

DESK = web.AppKey("desk", Desk)
MOST_OPENINGS = 200


async def about(request: web.Request) -> web.Response:
    """What is being looked at, and where the run stands."""
    return answer(await request.app[DESK].about())


async def rows(request: web.Request) -> web.Response:
    """A page of rows; whether there are more on either side."""
    wanted, part = filter_of(request.query), page_of(request.query)
    one_more = Page(part.sort, part.limit + 1, part.after, part.before)
    found = await request.app[DESK].dataset.ask(lambda connection: page(connection, wanted, one_more))
    more = len(found) > part.limit
    backwards = part.before is not None
    found = found[-part.limit :] if backwards else found[: part.limit]
    first, last = (_place(found[0]), _place(found[-1])) if found else ("", "")
    return answer(
        {
            "rows": [{**row, "key": _place(row)} for row in found],
            "before": first if (more if backwards else part.after) else "",
            "after": last if (more or backwards) else "",
        }
    )


async def count(request: web.Request) -> web.Response:
    """Rows in all, and by facet."""
    wanted = filter_of(request.query)
    return answer(await request.app[DESK].dataset.ask(lambda connection: counts(connection, wanted)))


async def opening(request: web.Request) -> web.Response:
    """How prompts begin: of rows named by ``id``."""
    ids = request.query.getall("id", [])
    if len(ids) > MOST_OPENINGS:
        raise UserError(f"{len(ids)} rows at once", hint=f"at most {MOST_OPENINGS}")
    desk = request.app[DESK]
    return answer(await desk.dataset.read(lambda connection: openings(connection, ids, corpus=desk.place.corpus)))


async def search(request: web.Request) -> web.StreamResponse:
    """Rows whose prompt or trace has a text in it: a JSON object a line, as they are found."""
    wanted, part, text = filter_of(request.query), page_of(request.query), text_of(request.query)
    if part.sort != "id" or part.before:
        raise UserError("a search goes by id, forwards", hint="leave out sort and before")
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(request)
    desk = request.app[DESK]
    async for line in _told(hits(desk.dataset, wanted, text, part, corpus=desk.place.corpus)):
        await response.write((json.dumps(line) + "\n").encode())
    return response


async def trace(request: web.Request) -> web.Response:
    """A row with all that is known of it, and every other attempt at its prompt."""
    row_id, desk = request.match_info["id"], request.app[DESK]
    siblings = await desk.dataset.ask(lambda connection: attempts(connection, prompt_id_of(row_id)))
    if not any(row["id"] == row_id for row in siblings):
        raise web.HTTPNotFound(text=f"no row {row_id[:80]!r}")
    found = await desk.dataset.read(lambda connection: texts(connection, row_id, corpus=desk.place.corpus))
    if found is None:
        raise web.HTTPNotFound(text=f"the text of row {row_id[:80]!r} is no longer there")
    note = desk.dataset.notes.get(row_id)
    return answer(
        {**_parts(found), "id": row_id, "attempts": siblings, "note": note and {"mark": note.mark, "note": note.note}}
    )


async def put_note(request: web.Request) -> web.Response:
    """Keep a note; an empty mark takes it back."""
    row_id, desk = request.match_info["id"], request.app[DESK]
    try:
        given = await request.json()
        mark, text = given["mark"], given.get("note", "")
    except (ValueError, TypeError, KeyError, AttributeError):
        raise UserError("not a note", hint='send {"mark": "right", "note": "why"}') from None
    if not (isinstance(mark, str) and isinstance(text, str)):
        raise UserError("a note's mark and words are texts")
    siblings = await desk.dataset.ask(lambda connection: attempts(connection, prompt_id_of(row_id)))
    if not any(row["id"] == row_id for row in siblings):
        raise web.HTTPNotFound(text=f"no row {row_id[:80]!r}")
    await desk.note(row_id, mark, text)
    return answer({"mark": mark, "note": text if mark else ""})


def answer(value: object) -> web.Response:
    return web.json_response(text=json.dumps(value, default=str, allow_nan=False))


async def _told(found: AsyncIterator[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
    """The lines of a search; an error, once it has begun, is its last."""
    try:
        async for line in found:
            yield line
    except TracegenError as error:
        yield {"error": str(error)}


def _place(row: dict[str, Any]) -> str:
    return written(row["key"], row["id"])


def _parts(found: dict[str, Any]) -> dict[str, Any]:
    """Prompt, reasoning, answer and reference apart from what else there is."""
    rest: dict[str, Any] = {name: _plain(value) for name, value in found.items()}
    prompt, reference = rest.pop("prompt", None), rest.pop("reference", None)
    if "text" in rest:
        reasoning, final, raw = _split(rest.pop("text"), rest["prefill"], rest["finish_reason"])
    else:
        reasoning, final, raw = rest.pop("reasoning"), rest.pop("answer"), ""
    for name in ("messages", "response", "user_turn"):
        rest.pop(name, None)
    return {
        "prompt": prompt,
        "reasoning": reasoning,
        "answer": final,
        "raw": raw,
        "reference": reference,
        "facts": rest,
    }


def _split(text: str, prefill: str, finish_reason: str) -> tuple[str, str, str]:
    """Reasoning and answer; the raw text where it cannot be told which is which."""
    known = split(text, prefill, FinishReason(finish_reason))
    return (known.reasoning, known.answer, "") if isinstance(known, Trace) else ("", "", prefill + text)


def _plain(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value
