"""`tracegen prompts`: what a recipe's sources come to, as tables or as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from tracegen.cli.failures import stopping_cleanly
from tracegen.cli.services import Services
from tracegen.cli.summary import as_json
from tracegen.cli.terminal import stdout
from tracegen.cli.words import count
from tracegen.errors import PromptError
from tracegen.prompts.left_out import Why
from tracegen.types import Domain

if TYPE_CHECKING:
    from tracegen.preparation import Evidence, Report
    from tracegen.prompts.manifest import SourceEntry

MOST_REASONS = 5
MOST_DIGESTS = 3
SHA256_DIGITS = 64
SHOWN = 100
"""Characters of a text in an example; the file of evidence has all of it."""
COLUMNS = ("rows", "prompts", "by set", "copies", "conflicts", "near", "quoted", "no text", "no ref")
"""Left out by the set's own rules; equal to an earlier row; equal, with another reference; nearly equal; sharing words with
a benchmark; without a text; with a reference that cannot be read."""


def show_prompts(
    services: Services, recipe: Path, overrides: Sequence[str], evidence: Path | None, examples: int, *, json: bool
) -> None:
    """Prepare, and print. Raises PromptError at the end where a run would refuse a source."""
    loaded = services.load(recipe, overrides)
    with stopping_cleanly("stopped; nothing was written"):
        report = services.prompts(loaded, evidence)
    console = stdout()
    if json:
        as_json(console, report.to_json(examples))
    else:
        console.print(table(report))
        for line in _lines(report, examples, evidence):
            console.print(line, markup=False, soft_wrap=True)
    for entry in report.refused:
        raise PromptError(
            f"a run would refuse prompt source {entry.name!r}: {count(entry.unreadable)} of {count(entry.rows)} "
            f"references cannot be read, and preparation.unreadable_share is {loaded.recipe.preparation.unreadable_share:g}",
            hint="mend them, map another column, or raise it",
        )


def table(report: "Report") -> Table:
    """A row for each source: all of its rows, and what became of them."""
    made = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    made.add_column("source", no_wrap=True)
    for name in COLUMNS:
        made.add_column(name, justify="right", no_wrap=True)
    for entry in report.manifest.sources:
        made.add_row(entry.name, *map(count, _cells(entry)))
    return made


def _cells(entry: "SourceEntry") -> tuple[int, ...]:
    by_set = sum(entry.left_out_by_set.values())
    screened = (entry.near_duplicates, entry.contaminated)
    unusable = (entry.unusable, entry.unreadable)
    return entry.rows, entry.prompts, by_set, entry.duplicates, entry.conflicts, *screened, *unusable


def _lines(report: "Report", examples: int, evidence: Path | None) -> Iterator[str]:
    yield from ("", "from")
    for entry in report.manifest.sources:
        yield f"  {entry.name}: {entry.origin}{_digests(entry.fingerprint)}, {entry.licence}"
    yield from _by_domain(report)
    if report.licences:
        yield "licences of the prompts: " + ", ".join(f"{name} {count(n)}" for name, n in report.licences.items())
    yield from _why(report)
    yield from _examples(report, examples)
    if evidence:
        yield f"evidence: {evidence} ({count(report.left_out.num_rows)} rows)"


def _digests(fingerprint: Mapping[str, str]) -> str:
    """The beginnings of the SHA-256 of files; nothing for a source that is none."""
    found = [digest[:12] for digest in fingerprint.values() if len(digest) == SHA256_DIGITS]
    more = ", …" if len(found) > MOST_DIGESTS else ""
    return f" ({', '.join(found[:MOST_DIGESTS])}{more})" if found else ""


def _by_domain(report: "Report") -> Iterator[str]:
    rules, found = report.recipe.rejection, report.by_domain
    yield ""
    for domain in Domain:
        prompts, quota = found.get(domain.value, 0), rules.quotas.get(domain)
        each = f", {quota / prompts:.1f} a prompt (keep: {rules.keep})" if quota and prompts else ""
        if prompts or quota:
            yield f"{domain.value}: {count(prompts)} prompts" + (f"; quota {count(quota)}{each}" if quota else "")


def _why(report: "Report") -> Iterator[str]:
    for entry in report.manifest.sources:
        told = [*entry.left_out_by_set.items(), *report.reasons(entry.name).items()]
        if told:
            yield from ("", f"left out of {entry.name}")
            told.sort(key=lambda pair: -pair[1])
            yield from (f"  {count(n)}: {reason}" for reason, n in told[:MOST_REASONS])
            if len(told) > MOST_REASONS:
                yield f"  and {len(told) - MOST_REASONS} more reasons"
    if report.by_benchmark:
        told = [(name, n) for name, n in report.by_benchmark.items()]
        yield from ("", "benchmarks: " + ", ".join(f"{name} {count(n)}" for name, n in told))


def _examples(report: "Report", most: int) -> Iterator[str]:
    for why, verb in ((Why.CONTAMINATED, "quotes"), (Why.NEAR_DUPLICATE, "is nearly")):
        for row in report.evidence(why, most):
            yield from ("", f"{row['source']}:{row['source_row']} {verb} {row['match']} {_score(why, row)}")
            yield from (f"  {_short(row['text'])}", f"  {_short(row['matched'])}")


def _score(why: Why, row: "Evidence") -> str:
    return f"({row['score']:.0f} n-grams)" if why is Why.CONTAMINATED else f"(similarity {row['score']:.2f})"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…"
