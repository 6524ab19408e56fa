"""What a person who leafs through traces asks of a run or a corpus: an index in memory, pages of it, counts, text.

The index, table ``rows``, has the narrow columns of every row: filters, sorts and counts never read text. Text is read
from the files, a range of ids at a time. It answers no HTTP.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tracegen.catalog.connection import Answer, Connection, ask
from tracegen.errors import UserError
from tracegen.types import Domain

FACETS = ("domain", "source", "outcome", "reason", "teacher", "kept")
COLUMNS = ("id", *FACETS, "tokens", "pass_rate")
SORTS = {
    "id": ("id", "ASC"),
    "longest": ("tokens", "DESC"),
    "shortest": ("tokens", "ASC"),
    "hardest": ("coalesce(pass_rate, 2)", "ASC"),
    "easiest": ("coalesce(pass_rate, -1)", "DESC"),
}
"""Names of orders, and what each is by; then by id."""

_RUN_ROWS = """
CREATE TABLE rows AS
WITH rates AS (
  SELECT prompt_id, count(*) FILTER (outcome = 'correct')
    / nullif(count(*) FILTER (outcome <> 'undecided'), 0) AS pass_rate
  FROM judged GROUP BY prompt_id
)
SELECT c.attempt_id AS id, c.domain, coalesce(p.source, '') AS source, coalesce(j.outcome, '') AS outcome,
  coalesce(j.reason, '') AS reason, c.model AS teacher, CASE WHEN s.id IS NULL THEN 'no' ELSE 'yes' END AS kept,
  c.completion_tokens::BIGINT AS tokens, r.pass_rate
FROM completions c LEFT JOIN judged j USING (attempt_id) LEFT JOIN prompts p ON p.prompt_id = c.prompt_id
  LEFT JOIN rates r ON r.prompt_id = c.prompt_id LEFT JOIN samples s ON s.id = c.attempt_id
ORDER BY c.attempt_id
"""
_CORPUS_ROWS = """
CREATE TABLE rows AS
SELECT id, domain, source, 'correct' AS outcome, verdict_reason AS reason, teacher, 'yes' AS kept,
  completion_tokens::BIGINT AS tokens, pass_rate
FROM corpus ORDER BY id
"""
_NOTES = "CREATE TABLE notes (id VARCHAR PRIMARY KEY, mark VARCHAR)"

_RUN_TEXT = """
SELECT c.*, p.text AS prompt, p.reference, p.source, p.source_row, p.licence, p.difficulty,
  j.outcome, j.reason, j.detail, j.verifier, j.cpu_s
FROM completions c LEFT JOIN prompts p ON p.prompt_id = c.prompt_id LEFT JOIN judged j ON j.attempt_id = c.attempt_id
WHERE c.prompt_id = $prompt_id AND c.attempt_id = $id
"""
_CORPUS_TEXT = "SELECT * FROM corpus WHERE prompt_id = $prompt_id AND id = $id"
_RUN_OPENINGS = "SELECT prompt_id, left(text, $n) FROM prompts WHERE {}"
_CORPUS_OPENINGS = "SELECT prompt_id, left(prompt, $n) FROM corpus WHERE {}"
_RUN_FOUND = """
SELECT c.attempt_id FROM completions c LEFT JOIN (
  SELECT prompt_id, text FROM prompts WHERE prompt_id >= $low_prompt AND prompt_id <= $high_prompt AND {domains}
) p ON p.prompt_id = c.prompt_id
WHERE c.attempt_id > $low AND c.attempt_id <= $high AND c.{domains} AND ({prompt} OR {text})
"""
_CORPUS_FOUND = "SELECT id FROM corpus c WHERE id > $low AND id <= $high AND {domains} AND ({prompt} OR {text})"
OPENING = 240
"""Characters of a prompt that a list shows."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows: for each facet that matters the values that are let in."""

    facets: Mapping[str, Sequence[str]] = field(default_factory=dict)
    marks: Sequence[str] = ()
    min_tokens: int | None = None
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of the rows, in which order."""

    sort: str = "id"
    limit: int = 50
    after: tuple[float | str, str] | None = None
    """Sort value and id of the row before the first."""
    before: tuple[float | str, str] | None = None
    """Instead: of the row after the last."""


def prompt_id_of(row_id: str) -> str:
    """The prompt of a row: an attempt's id begins with it."""
    return row_id.partition(".")[0]


def index(connection: Connection, *, corpus: bool, marks: Mapping[str, str]) -> int:
    """Make ``rows`` and ``notes``, and say how many rows there are. Raises UserError for a corpus of other columns."""
    ask(connection, _CORPUS_ROWS if corpus else _RUN_ROWS)
    ask(connection, _NOTES)
    for row_id, mark in marks.items():
        set_mark(connection, row_id, mark)
    return _number(connection, "SELECT count(*) FROM rows", {})


def set_mark(connection: Connection, row_id: str, mark: str) -> None:
    """A row's mark, so that lists can be filtered by it; none where empty."""
    if mark:
        ask(connection, "INSERT OR REPLACE INTO notes VALUES ($id, $mark)", {"id": row_id, "mark": mark})
    else:
        ask(connection, "DELETE FROM notes WHERE id = $id", {"id": row_id})


def page(connection: Connection, wanted: Filter, part: Page) -> list[dict[str, Any]]:
    """Rows of the index with their sort value as ``key``, in order. Paged by key: a late page costs what a first one
    does."""
    where, values = _where(wanted)
    by, direction = SORTS[part.sort]
    backwards = part.before is not None
    if backwards:
        direction = "DESC" if direction == "ASC" else "ASC"
    id_direction = "DESC" if backwards else "ASC"
    if key := part.before or part.after:
        beyond, id_beyond = "<" if direction == "DESC" else ">", "<" if backwards else ">"
        where += f" AND ({by} {beyond} $key OR ({by} = $key AND id {id_beyond} $key_id))"
        values |= {"key": key[0], "key_id": key[1]}
    sql = (
        f"WITH found AS (SELECT {', '.join(COLUMNS)}, {by} AS key FROM rows WHERE {where} "  # noqa: S608
        f"ORDER BY {by} {direction}, id {id_direction} LIMIT {int(part.limit)}) "
        f"SELECT found.*, mark FROM found LEFT JOIN notes USING (id) ORDER BY key {direction}, id {id_direction}"
    )
    rows = _records(connection, sql, values)
    return rows[::-1] if backwards else rows


def counts(connection: Connection, wanted: Filter) -> dict[str, Any]:
    """Rows in all; and for each facet, rows by value among those that the other filters let in."""
    where, values = _where(wanted)
    total, tokens = ask(
        connection,
        f"SELECT count(*), coalesce(sum(tokens), 0)::BIGINT FROM rows WHERE {where}",  # noqa: S608
        values,
    ).rows[0]
    marks = f"SELECT mark, count(*) FROM rows JOIN notes USING (id) WHERE {_where(wanted, 'mark')[0]} GROUP BY 1"  # noqa: S608
    found = dict(_open_facets(connection, wanted))
    for name in (facet for facet in FACETS if facet in wanted.facets):
        where, values = _where(wanted, name)
        sql = f"SELECT {name}, count(*) FROM rows WHERE {where} GROUP BY 1"  # noqa: S608
        found[name] = _by_value(ask(connection, sql, values))
    found["mark"] = _by_value(ask(connection, marks, _where(wanted, "mark")[1]))
    return {"total": total, "tokens": tokens, "facets": found}


def _open_facets(connection: Connection, wanted: Filter) -> dict[str, dict[Any, Any]]:
    """Counts of the facets that do not filter, in one pass."""
    names = [facet for facet in FACETS if facet not in wanted.facets]
    found: dict[str, dict[Any, Any]] = {name: {} for name in names}
    if not names:
        return found
    where, values = _where(wanted)
    columns = ", ".join(names)
    sql = f"SELECT {columns}, count(*) FROM rows WHERE {where} GROUP BY {columns}"  # noqa: S608
    for *cell, number in ask(connection, sql, values).rows:
        for name, value in zip(names, cell, strict=True):
            found[name][value] = found[name].get(value, 0) + number
    return found


def attempts(connection: Connection, prompt_id: str) -> list[dict[str, Any]]:
    """Every row of a prompt, from the index."""
    sql = f"SELECT {', '.join(COLUMNS)}, mark FROM rows LEFT JOIN notes USING (id)"  # noqa: S608
    between = "WHERE id >= $low AND id < $high AND split_part(id, '.', 1) = $prompt ORDER BY id"
    return _records(connection, f"{sql} {between}", {"prompt": prompt_id, "low": prompt_id, "high": prompt_id + "/"})


def texts(connection: Connection, row_id: str, *, corpus: bool) -> dict[str, Any] | None:
    """A row with all that the files say of it."""
    given = {"prompt_id": prompt_id_of(row_id), "id": row_id}
    return next(iter(_records(connection, _CORPUS_TEXT if corpus else _RUN_TEXT, given)), None)


def openings(connection: Connection, row_ids: Sequence[str], *, corpus: bool) -> dict[str, str]:
    """How the rows' prompts begin, by prompt id."""
    ids = list(row_ids) if corpus else sorted({prompt_id_of(row_id) for row_id in row_ids})
    if not ids:
        return {}
    chosen, values = _among("id" if corpus else "prompt_id", ids)
    sql = (_CORPUS_OPENINGS if corpus else _RUN_OPENINGS).format(chosen)
    return {str(key): str(text) for key, text in ask(connection, sql, values | {"n": OPENING}).rows}


def steps(connection: Connection, wanted: Filter, size: int) -> list[str]:
    """Ids that cut the rows of the wanted domains into steps of so many, in order; the last is the last id."""
    where, values = _where(_domains_of(wanted))
    sql = (
        f"SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id) AS n, count(*) OVER () AS rows FROM rows "  # noqa: S608
        f"WHERE {where}) WHERE n % {int(size)} = 0 OR n = rows ORDER BY id"
    )
    return [str(row_id) for (row_id,) in ask(connection, sql, values).rows]


def between(connection: Connection, wanted: Filter, low: str, high: str) -> dict[str, dict[str, Any]]:
    """Rows of the index after one id and up to another, by id."""
    where, values = _where(wanted)
    sql = (
        f"SELECT {', '.join(COLUMNS)}, id AS key, mark FROM rows LEFT JOIN notes USING (id) "  # noqa: S608
        f"WHERE {where} AND id > $low AND id <= $high ORDER BY id"
    )
    return {row["id"]: row for row in _records(connection, sql, values | {"low": low, "high": high})}


def holding(
    connection: Connection, text: str, domains: Sequence[str], ids: tuple[str, str], *, corpus: bool
) -> set[str]:
    """Ids, after the first and up to the second, of rows whose prompt or trace has the text in it.

    Capitals matter where the text has one.
    """
    exact = text != text.lower()
    names = ("c.prompt", "c.response") if corpus else ("p.text", "c.text")
    prompt, trace = (f"coalesce(contains({name if exact else f'lower({name})'}, $text), false)" for name in names)
    only, given = _among("domain", domains or tuple(Domain))
    given |= {"low": ids[0], "high": ids[1], "text": text}
    if not corpus:
        given |= {"low_prompt": prompt_id_of(ids[0]), "high_prompt": prompt_id_of(ids[1])}
    sql = (_CORPUS_FOUND if corpus else _RUN_FOUND).format(domains=only, prompt=prompt, text=trace)
    return {str(row_id) for (row_id,) in ask(connection, sql, given).rows}


def _among(name: str, allowed: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """A column is one of some values, each a value of its own: only so DuckDB skips files that have none of them."""
    values = {f"in{place}": str(value) for place, value in enumerate(allowed)}
    return f"{name} IN ({', '.join(f'${key}' for key in values)})", dict[str, Any](values)


def _domains_of(wanted: Filter) -> Filter:
    return Filter({name: values for name, values in wanted.facets.items() if name == "domain"})


def _where(wanted: Filter, without: str = "") -> tuple[str, dict[str, Any]]:
    """The condition, and the values it speaks of; one facet left out where it is counted."""
    parts, values = ["true"], dict[str, Any]()
    for name, allowed in wanted.facets.items():
        if name not in FACETS:
            raise UserError(f"no filter {name!r}", hint=f"there is: {', '.join(FACETS)}")
        if name != without:
            parts.append(f"list_contains(${name}::VARCHAR[], {name})")
            values[name] = list(allowed)
    if wanted.marks and without != "mark":
        parts.append("id IN (SELECT id FROM notes WHERE list_contains($marks::VARCHAR[], mark))")
        values["marks"] = list(wanted.marks)
    for limit, sign, name in ((wanted.min_tokens, ">=", "min"), (wanted.max_tokens, "<=", "max")):
        if limit is not None:
            parts.append(f"tokens {sign} ${name}")
            values[name] = limit
    return " AND ".join(parts), values


def _records(connection: Connection, sql: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    answer = ask(connection, sql, values)
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


def _by_value(answer: Answer) -> dict[Any, Any]:
    return {row[0]: row[1] for row in answer.rows}


def _number(connection: Connection, sql: str, values: Mapping[str, Any]) -> int:
    ((number,),) = ask(connection, sql, values).rows
    return int(str(number))


def paid_for(connection: Connection, attempt_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Which shard, epoch and cost those attempts have that are settled."""
    sql = (
        "SELECT attempt_id, prompt_id, shard_id, epoch, completion_tokens FROM completions "
        "WHERE attempt_id IN (SELECT unnest($ids::VARCHAR[])) ORDER BY attempt_id"
    )
    return _records(connection, sql, {"ids": list(attempt_ids)})
