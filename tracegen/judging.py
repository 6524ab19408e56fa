"""Judges traces that anybody made: rows of a file in, the same rows with a verdict out. The core of ``tracegen judge``.

A row has ``id``, ``reference`` and ``response``. A reference is a plain answer, or an object with a ``kind``. A
response with ``</think>`` is split like a completion; one without is all answer. Rows stream in batches, in order.
"""

import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tracegen.errors import UserError, first_line
from tracegen.extract import CLOSE, split
from tracegen.protocols import Verifier
from tracegen.tables import Row, format_of, read_batches, writing
from tracegen.types import AnswerReference, NoReference, Outcome, Reference, Trace, Verdict
from tracegen.verify.code import CodeVerifier
from tracegen.verify.host import EXTRACT, NO_VERIFIER, Preflights
from tracegen.verify.logic import LogicVerifier
from tracegen.verify.math import MathVerifier
from tracegen.verify.pool import Case, VerifierPool
from tracegen.verify.process import Limits

logger = logging.getLogger(__name__)

NEEDED = ("id", "reference", "response")
_REFERENCE: TypeAdapter[Reference] = TypeAdapter(Reference)


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of a file."""

    rows: int
    outcomes: Mapping[str, int]
    reasons: Mapping[str, int]
    """Counted over ``outcome/reason``."""


class _Unreadable(Exception):  # noqa: N818 - a fact about a row, not a fault
    """The reference of a row cannot be read."""


def default_verifiers() -> dict[str, Verifier]:
    """By kind of reference. Others' traces may give their answer on the last line (``A: 42``) instead of in a box, and
    code without a fence."""
    code = CodeVerifier(code_from="block_or_all")
    return {
        "answer": MathVerifier(answer_from="box_or_last_line"),
        "procedural": LogicVerifier(),
        **dict.fromkeys(sorted(code.reads), code),
    }


async def judge_file(
    source: Path,
    target: Path,
    verifiers: Mapping[str, Verifier] | None = None,
    processes: int = 1,
    limits: Limits | None = None,
) -> Judged:
    """Judge every row of ``source`` into ``target``; formats by ending. Nothing is written unless all of it is.

    Raises UserError for a file that is missing, empty or malformed.
    """
    chosen = dict(verifiers or default_verifiers())
    format_of(target)
    batches = read_batches(source, NEEDED)
    first = next(batches, None)
    if first is None:
        raise UserError(f"{source}: has no rows")
    outcomes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    pool = VerifierPool(chosen, processes, limits)
    preflights = Preflights(chosen)
    with writing(target) as writer:
        await pool.start()
        try:
            batch: list[Row] | None = first
            while batch:
                rows = await judge_rows(batch, pool, chosen, preflights)
                outcomes.update(row["outcome"] for row in rows)
                reasons.update(f"{row['outcome']}/{row['reason']}" for row in rows)
                writer.write(rows)
                batch = next(batches, None)
        finally:
            await pool.close()
    return Judged(outcomes.total(), outcomes, reasons)


async def judge_rows(
    rows: Sequence[Row], pool: VerifierPool, verifiers: Mapping[str, Verifier], preflights: Preflights
) -> list[Row]:
    """The rows with ``outcome``, ``reason`` and ``verifier``. Raises UserError for what this machine lacks."""
    prepared = [_prepare(row, verifiers) for row in rows]
    cases = [item for item in prepared if isinstance(item, Case)]
    for case in cases:
        preflights.before(case.verifier)
    verdicts = iter(await pool.judge(cases))
    judged = []
    for row, item in zip(rows, prepared, strict=True):
        if isinstance(item, Case):
            name, verdict = verifiers[item.verifier].name, next(verdicts)
        else:
            name, verdict = item
        added = {"outcome": verdict.outcome.value, "reason": verdict.reason, "verifier": name}
        judged.append({**row, **added})
    return judged


def _prepare(row: Row, verifiers: Mapping[str, Verifier]) -> Case | tuple[str, Verdict]:
    try:
        reference = read_reference(row["reference"])
    except _Unreadable as error:
        logger.warning("row %s: reference unreadable: %s", row["id"], error)
        return NO_VERIFIER, Verdict(Outcome.UNDECIDED, "reference_unreadable", str(error))
    if not isinstance(row["response"], str):
        return EXTRACT, Verdict(Outcome.INCORRECT, "no_answer", "the response is no text")
    trace = split(row["response"]) if CLOSE in row["response"] else Trace("", row["response"])
    if not isinstance(trace, Trace):
        return EXTRACT, Verdict(Outcome.INCORRECT, trace.reason, trace.detail)
    if reference.kind not in verifiers:
        reason = "no_reference" if isinstance(reference, NoReference) else "no_verifier"
        return NO_VERIFIER, Verdict(Outcome.UNDECIDED, reason, f"for kind {reference.kind!r}")
    return Case(reference.kind, reference, trace)


def read_reference(value: Any) -> Reference:
    """A reference as rows hold it: text, a number, an object with a ``kind``, or such an object as JSON text."""
    if value is None:
        return NoReference()
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = _object(value)
    if isinstance(value, Mapping):
        # A Parquet struct has every field of every kind; those of other kinds are null.
        given = {key: field for key, field in value.items() if field is not None}
        try:
            return _REFERENCE.validate_python(given)
        except ValidationError as error:
            raise _Unreadable(_first_problem(error)) from error
    if isinstance(value, (str, int, float)) and not isinstance(value, bool) and str(value).strip():
        return AnswerReference(answer=str(value))
    raise _Unreadable(f"an answer or an object with a kind is needed, not {value!r:.60}")


def _object(text: str) -> Any:
    """The object that a text is, if it is one with a kind; LaTeX begins with a brace, too."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, dict) and "kind" in value else text


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"])
    return f"{where}: {problem['msg']}" if where else first_line(ValueError(problem["msg"]))
