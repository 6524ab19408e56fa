"""What a run says at its end: a table, where the corpus is, and what to type next."""

import json

from rich.console import Console
from rich.table import Table

from tracegen.cli.invocation import store_option
from tracegen.cli.progress import label, rows_of
from tracegen.cli.words import count, duration, of, share
from tracegen.runtime.progress import DomainProgress, RunSummary, Snapshot

BY_DOMAIN = "SELECT domain, count(*) AS traces FROM corpus GROUP BY ALL ORDER BY ALL"
ONE_TRACE = "SELECT prompt, response FROM corpus LIMIT 1"
WHY_NOT = "SELECT outcome, reason, count(*) AS attempts FROM verdicts GROUP BY ALL ORDER BY ALL"
# In double quotes as they are: nothing in them means anything to a shell.


def show(console: Console, summary: RunSummary, name: str) -> None:
    """The end of `tracegen run`; ``name`` is how the next commands begin."""
    console.print(outcome_table(summary.snapshot))
    for line in [*closing_lines(summary), "", "next:", *(f"  {command}" for command in next_commands(summary, name))]:
        console.print(line, markup=False, soft_wrap=True)


def as_json(console: Console, value: object) -> None:
    """Machine-readable output: one JSON document, not coloured, not wrapped."""
    console.print(json.dumps(value, ensure_ascii=False, default=str), markup=False, soft_wrap=True)


def outcome_table(snapshot: Snapshot) -> Table:
    """What became of the attempts, by domain."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("domain", no_wrap=True)
    for name in ("prompts", "attempts", "correct", "incorrect", "undecided", "pass rate", "accepted"):
        table.add_column(name, justify="right")
    for domain in rows_of(snapshot):
        table.add_row(*_cells(domain), style="bold" if domain.domain == "total" else "")
    return table


def _cells(domain: DomainProgress) -> list[str]:
    outcomes = (domain.attempts, domain.correct, domain.incorrect, domain.undecided)
    return [
        label(domain),
        of(domain.decided, domain.prompts),
        *map(count, outcomes),
        share(domain.pass_rate),
        of(domain.accepted, domain.target),
    ]


def closing_lines(summary: RunSummary) -> list[str]:
    """Which run, how long, and where its corpus is."""
    resumed = ", resumed" if summary.resumed else ""
    lines = ["", f"run     {summary.run_id} ({duration(summary.wall_s)}{resumed})"]
    if summary.corpus_path is None:
        return [*lines, "corpus  not built"]
    return [*lines, f"corpus  {summary.corpus_path} ({count(summary.rows)} traces)"]


def next_commands(summary: RunSummary, name: str) -> list[str]:
    """Three commands that work as printed, typed where the run was started."""
    store = store_option(summary.store_uri)

    def query(sql: str) -> str:
        return " ".join([name, "query", f'"{sql}"', "--run", summary.run_id, *store])

    def on_run(command: str) -> str:
        return " ".join([name, command, summary.run_id, *store])

    if summary.corpus_path is None:
        return [on_run("build"), query(WHY_NOT), on_run("status")]
    return [query(BY_DOMAIN), query(ONE_TRACE), query(WHY_NOT)]
