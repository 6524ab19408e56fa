"""Judges traces that anybody made: rows of a file in, the same rows with a verdict out. The core of ``tracegen judge``.

A row has ``id``, ``reference`` and ``response``, and for a judge to read perhaps a ``question``. A reference is a plain
answer, or an object with a ``kind``. A response with ``</think>`` is split like a completion; one without is all
answer. Rows stream in batches, in order.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tracegen.errors import UserError
from tracegen.extract import CLOSE, split
from tracegen.protocols import Verifier
from tracegen.references import UnreadableReference, read_reference
from tracegen.tables import Row, format_of, read_batches, writing
from tracegen.types import NoReference, Outcome, Trace, Verdict
from tracegen.verify.choice import ChoiceVerifier
from tracegen.verify.code import CodeVerifier
from tracegen.verify.completions import EXTRACT, NO_VERIFIER
from tracegen.verify.judge import Appeal, JudgeSpec, Panel
from tracegen.verify.logic import LogicVerifier
from tracegen.verify.math import MathVerifier
from tracegen.verify.pool import Case, VerifierPool
from tracegen.verify.preflight import Preflights
from tracegen.verify.process import Limits

logger = logging.getLogger(__name__)

NEEDED = ("id", "reference", "response")


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of a file."""

    rows: int
    outcomes: Mapping[str, int]
    reasons: Mapping[str, int]
    """Counted over ``outcome/reason``."""


def default_verifiers() -> dict[str, Verifier]:
    """By kind of reference. Others' traces may give their answer on the last line (``A: 42``) instead of in a box, and
    code without a fence."""
    code = CodeVerifier(code_from="block_or_all")
    return {
        "answer": MathVerifier(answer_from="box_or_last_line"),
        "choice": ChoiceVerifier(answer_from="box_or_last_line"),
        "procedural": LogicVerifier(),
        **dict.fromkeys(sorted(code.reads), code),
    }


async def judge_file(
    source: Path,
    target: Path,
    verifiers: Mapping[str, Verifier] | None = None,
    processes: int = 1,
    limits: Limits | None = None,
    judge: JudgeSpec | None = None,
) -> Judged:
    """Judge every row of ``source`` into ``target``; formats by ending. Nothing is written unless all of it is.

    ``judge`` settles what the verifiers leave undecided. Raises UserError for a file that is missing, empty or
    malformed, and VerifierError for a judge that is unfit.
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
    panel = Panel(judge) if judge else None
    preflights = Preflights(chosen)
    with writing(target) as writer:
        await pool.start()
        try:
            if panel:
                await panel.start()
            batch: list[Row] | None = first
            while batch:
                rows = await judge_rows(batch, pool, chosen, preflights, panel)
                outcomes.update(row["outcome"] for row in rows)
                reasons.update(f"{row['outcome']}/{row['reason']}" for row in rows)
                writer.write(rows)
                batch = next(batches, None)
        finally:
            await pool.close()
            if panel:
                await panel.close()
    return Judged(outcomes.total(), outcomes, reasons)


async def judge_rows(
    rows: Sequence[Row],
    pool: VerifierPool,
    verifiers: Mapping[str, Verifier],
    preflights: Preflights,
    panel: Panel | None = None,
) -> list[Row]:
    """The rows with ``outcome``, ``reason`` and ``verifier``. Raises UserError for what this machine lacks."""
    prepared = [_prepare(row, verifiers) for row in rows]
    cases = [(row, item) for row, item in zip(rows, prepared, strict=True) if isinstance(item, Case)]
    for _, case in cases:
        preflights.before(case.verifier)
    verdicts = await pool.judge([case for _, case in cases])
    said = [(verifiers[case.verifier].name, verdict) for (_, case), verdict in zip(cases, verdicts, strict=True)]
    if panel:
        pairs = zip(cases, said, strict=True)
        said = await panel.settle(
            [Appeal(str(row["id"]), _question(row), case.reference, case.trace, *first) for (row, case), first in pairs]
        )
    last = iter(said)
    judged = []
    for row, item in zip(rows, prepared, strict=True):
        name, verdict = next(last) if isinstance(item, Case) else item
        added = {"outcome": verdict.outcome.value, "reason": verdict.reason, "verifier": name}
        judged.append({**row, **added})
    return judged


def _question(row: Row) -> str:
    question = row.get("question")
    return question if isinstance(question, str) else ""


def _prepare(row: Row, verifiers: Mapping[str, Verifier]) -> Case | tuple[str, Verdict]:
    try:
        reference = read_reference(row["reference"])
    except UnreadableReference as error:
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
