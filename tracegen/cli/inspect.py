"""The commands that look: status, build, judge. None of them asks a teacher for anything."""

import json as json_format
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from tracegen.cli.bill import show_bill
from tracegen.cli.failures import say, stopping_cleanly
from tracegen.cli.progress import board
from tracegen.cli.runs import chosen
from tracegen.cli.services import Judged, Services, Table
from tracegen.cli.summary import as_json
from tracegen.cli.terminal import stdout
from tracegen.cli.words import count
from tracegen.types import Outcome


class Counted(Protocol):
    """Verdicts, counted."""

    @property
    def rows(self) -> int: ...

    @property
    def outcomes(self) -> Mapping[str, int]: ...

    @property
    def reasons(self) -> Mapping[str, int]: ...


LONG_CELL = 60
"""A single row with a longer value is shown one column a paragraph: a trace is read, not scanned."""


def show_status(services: Services, store: str, run: str | None, *, json: bool) -> None:
    """Where a run stands."""
    runs = services.runs(store) if run is None else ()
    snapshot = services.status(store, runs[0] if runs else chosen(services, store, run))
    console = stdout()
    if json:
        as_json(console, snapshot.to_json())
        return
    console.print(board(snapshot, console.width))
    if snapshot.nodes:
        show_bill(console, snapshot)
    if len(runs) > 1:
        console.print(f"older runs in {store}: {', '.join(runs[1:])}", markup=False, soft_wrap=True)


def show_build(
    services: Services,
    store: str,
    run: str | None,
    verdict_set: str = "",
    *,
    processes: int | None = None,
    json: bool,
) -> None:
    """Build the corpus and say where it is."""
    with stopping_cleanly("stopped; the same command goes on from the files that are made"):
        built = services.build(store, chosen(services, store, run), verdict_set, processes=processes)
    if json:
        as_json(stdout(), asdict(built))
    else:
        stdout().print(f"corpus  {built.corpus_path} ({count(built.rows)} traces)", markup=False, soft_wrap=True)
    if built.unjudged:
        going_on = "; the same `tracegen judge --run` goes on with them" if verdict_set else ""
        say(f"without a verdict, and left out: {count(built.unjudged)} attempts{going_on}")


def show_judged(
    services: Services, file: Path, out: Path, processes: int, recipe: Path | None = None, *, json: bool
) -> None:
    """Judge, and count the outcomes."""
    with stopping_cleanly("stopped; nothing was written"):
        judged = services.judge(file, out, processes, recipe)
    console = stdout()
    if json:
        as_json(console, {**_plain(judged), "out": str(out)})
        return
    print_counts(console, judged, f"written to {out}")


def print_counts(console: Console, judged: Counted, where: str) -> None:
    """Traces by outcome and reason, and where their verdicts are."""
    print_table(console, Table(("outcome", "reason", "traces"), sorted(_reasons(judged))))
    parts = ", ".join(f"{count(judged.outcomes.get(outcome, 0))} {outcome}" for outcome in Outcome)
    console.print(f"{count(judged.rows)} traces: {parts}; {where}", markup=False, soft_wrap=True)


def _plain(judged: Judged) -> dict[str, object]:
    return {"rows": judged.rows, "outcomes": dict(judged.outcomes), "reasons": dict(judged.reasons)}


def _reasons(judged: Counted) -> Iterator[tuple[str, str, int]]:
    for name, number in judged.reasons.items():
        outcome, _, reason = name.partition("/")
        yield outcome, reason, number


def print_table(console: Console, answer: Table) -> None:
    """As a table; a single row with a long value, one column a paragraph."""
    cells = [[_cell(value) for value in row] for row in answer.rows]
    if len(cells) == 1 and any(len(cell) > LONG_CELL or "\n" in cell for cell in cells[0]):
        for name, cell in zip(answer.columns, cells[0], strict=True):
            console.print(Text(name, style="bold"))
            console.print(cell, markup=False, soft_wrap=True)
        return
    grid = Grid(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    numeric = _numeric_columns(answer)
    for index, name in enumerate(answer.columns):
        grid.add_column(Text(name), justify="right" if index in numeric else "left", overflow="fold")
    for row in cells:
        grid.add_row(*map(Text, row))
    console.print(grid)


def _numeric_columns(answer: Table) -> set[int]:
    return {
        index
        for index in range(len(answer.columns))
        if answer.rows and all(isinstance(row[index], int | float | None) for row in answer.rows)
    }


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return json_format.dumps(value, ensure_ascii=False, default=str)
    return str(value)
