"""What changed between two judgements of the same traces: counts, reasons, and a sample to look at. It judges nothing.

The two are verdict sets of one run, or two files that ``tracegen judge`` wrote.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tracegen.catalog import Answer, Connection, ask, open_catalog, open_files
from tracegen.errors import UserError
from tracegen.runs import verdict_sets
from tracegen.store import SubStore, open_store

SHOWN = 300
"""Characters of an answer that are shown: its end, where the box is."""
MISSING = "absent"
"""In place of an outcome where only the other one has the trace."""

_PAIRS = f"""
CREATE VIEW pairs AS
SELECT id, coalesce(a.outcome, '{MISSING}') AS outcome_a, coalesce(b.outcome, '{MISSING}') AS outcome_b,
  coalesce(a.reason, '') AS reason_a, coalesce(b.reason, '') AS reason_b,
  coalesce(a.detail, '') AS detail_a, coalesce(b.detail, '') AS detail_b
FROM judged_a a FULL JOIN judged_b b USING (id)
"""  # noqa: S608
_OUTCOMES = "SELECT outcome_a, outcome_b, count(*) AS traces FROM pairs GROUP BY ALL ORDER BY ALL"
_CHANGES = """
SELECT outcome_a, reason_a, outcome_b, reason_b, count(*) AS traces FROM pairs
WHERE outcome_a <> outcome_b GROUP BY ALL ORDER BY traces DESC, outcome_a, reason_a, outcome_b, reason_b
"""
_SAMPLED = """
CREATE TEMP TABLE sampled AS SELECT * FROM pairs WHERE outcome_a <> outcome_b
ORDER BY md5({seed} || ':' || id), id LIMIT {sample}
"""
_OF_A_RUN = f"""
SELECT s.*, p.reference, right(c.text, {SHOWN}) AS answer
FROM sampled s LEFT JOIN completions c ON c.attempt_id = s.id LEFT JOIN prompts p ON p.prompt_id = c.prompt_id
ORDER BY s.id
"""  # noqa: S608
_OF_FILES = f"""
SELECT s.*, r.reference::VARCHAR AS reference, right(r.response::VARCHAR, {SHOWN}) AS answer
FROM sampled s LEFT JOIN (
  SELECT id::VARCHAR AS id, any_value(reference) AS reference, any_value(response) AS response FROM a GROUP BY ALL
) r USING (id) ORDER BY s.id
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Difference:
    """Two judgements of the same traces."""

    outcomes: Answer
    """How many traces have which two outcomes."""
    changes: Answer
    """Where they differ: how many by the two reasons."""
    sample: Answer
    """Some of those, the same ones for the same seed, with reference and the end of the answer."""


def of_sets(
    store_uri: str,
    run_id: str,
    sets: tuple[str, str],
    *,
    sample: int,
    seed: int = 0,
    env: Mapping[str, str] = os.environ,
) -> Difference:
    """Between two verdict sets of a run. Raises UserError for one that is not there."""
    known = verdict_sets(SubStore(open_store(store_uri, env=env), run_id))
    for name in sets:
        if name not in known:
            raise UserError(f"run {run_id} has no verdict set {name!r}", hint=f"it has: {', '.join(known) or 'none'}")
    with open_catalog(store_uri, run_id, env=env) as connection:
        for view, name in zip(("judged_a", "judged_b"), sets, strict=True):
            # A set's name holds no quote: ``verdict_sets`` knows it, and the ledger's names are checked.
            ask(
                connection,
                f"CREATE VIEW {view} AS SELECT attempt_id AS id, outcome, reason, detail "  # noqa: S608
                f"FROM verdicts WHERE verdict_set = '{name}'",
            )
        return _difference(connection, _OF_A_RUN, sample, seed)


def of_files(files: tuple[Path, Path], *, sample: int, seed: int = 0) -> Difference:
    """Between two files of judged rows. Raises UserError for one that cannot be read, or was never judged."""
    with open_files(dict(zip("ab", files, strict=True))) as connection:
        for view, path in zip("ab", files, strict=True):
            columns = set(ask(connection, f"SELECT * FROM {view} LIMIT 0").columns)  # noqa: S608
            if missing := [
                name for name in ("id", "outcome", "reason", "reference", "response") if name not in columns
            ]:
                hint = "tracegen judge FILE --out writes such rows"
                raise UserError(f"{path}: no column {', '.join(map(repr, missing))}", hint=hint)
            if ask(connection, f"SELECT id FROM {view} GROUP BY ALL HAVING count(*) > 1 LIMIT 1").rows:  # noqa: S608
                raise UserError(f"{path}: two rows have the same id", hint="give each row an id of its own")
            detail = "detail::VARCHAR" if "detail" in columns else "''"
            ask(
                connection,
                f"CREATE VIEW judged_{view} AS "  # noqa: S608
                f"SELECT id::VARCHAR AS id, outcome, reason, {detail} AS detail FROM {view}",
            )
        return _difference(connection, _OF_FILES, sample, seed)


def _difference(connection: Connection, samples: str, sample: int, seed: int) -> Difference:
    ask(connection, _PAIRS)
    ask(connection, _SAMPLED.format(seed=int(seed), sample=int(sample)))
    return Difference(ask(connection, _OUTCOMES), ask(connection, _CHANGES), ask(connection, samples))
