"""`tracegen judge` in both its forms, and `tracegen diff-verdicts`: which form is meant, and what came of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tracegen.cli.failures import stopping_cleanly
from tracegen.cli.inspect import print_counts, print_table, show_judged
from tracegen.cli.runs import chosen
from tracegen.cli.services import Services, Table
from tracegen.cli.summary import as_json
from tracegen.cli.terminal import stdout
from tracegen.cli.words import count
from tracegen.errors import UserError

if TYPE_CHECKING:
    from tracegen.catalog import Answer


@dataclass(frozen=True, slots=True)
class Form:
    """The options of ``tracegen judge`` as they were given."""

    file: Path | None
    out: Path | None
    run: str | None
    verdict_set: str | None
    recipe: Path | None
    majority: bool
    at_least: int | None
    processes: int | None

    def file_form(self) -> tuple[Path, Path]:
        """Source and target. Raises UserError."""
        for option, given in (("--set", self.verdict_set), ("--majority", self.majority)):
            if given:
                raise UserError(f"{option} is for verdicts on a run", hint="name the run with --run")
        if self.file is None:
            raise UserError("nothing to judge", hint="give a FILE and --out FILE, or --run RUN")
        if self.out is None:
            raise UserError("judging a FILE needs --out", hint=f"as: tracegen judge {self.file} --out judged.jsonl")
        return self.file, self.out

    def check_run_form(self) -> None:
        """Raises UserError."""
        if self.file is not None or self.out is not None:
            raise UserError(
                "a FILE, or --out, does not go with --run", hint="a run's verdicts are written to its store"
            )
        if self.at_least is not None and not self.majority:
            raise UserError("--at-least is for --majority", hint="add --majority")


def judge(services: Services, store: str, form: Form, *, json: bool) -> None:
    """Judge a file, or a run again."""
    if form.run is None:
        source, target = form.file_form()
        show_judged(services, source, target, form.processes or 1, form.recipe, json=json)
        return
    form.check_run_form()
    _judge_run(services, store, form.run, form, json=json)


def _judge_run(services: Services, store: str, run: str, form: Form, *, json: bool) -> None:
    from tracegen.rejudging import Rejudging
    from tracegen.verify.majority import AT_LEAST

    asked = Rejudging(
        store,
        chosen(services, store, run),
        name=form.verdict_set or "",
        recipe=services.load(form.recipe, []).recipe if form.recipe else None,
        processes=form.processes,
        majority=(form.at_least or AT_LEAST) if form.majority else None,
    )
    with stopping_cleanly("stopped; the same command goes on"):
        judged = services.rejudge(asked)
    if json:
        as_json(stdout(), judged.to_json())
        return
    before = f"; {count(judged.skipped)} shards were judged before" if judged.skipped else ""
    print_counts(stdout(), judged, f"verdict set {judged.name}{before}")


def diff_verdicts(
    services: Services, store: str, run: str | None, pair: tuple[str, str], sample: int, *, json: bool
) -> None:
    """Compare two files where both are there and no run is named, else two sets of a run."""
    files = Path(pair[0]), Path(pair[1])
    with stopping_cleanly("stopped"):
        if run is None and any(path.is_file() for path in files):
            for path in files:
                if not path.is_file():
                    raise UserError(f"{path}: no such file", hint="two files, or two verdict sets of a --run")
            found = services.compare_files(files, sample=sample)
        else:
            found = services.compare_sets(store, chosen(services, store, run), pair, sample=sample)
    parts = {"outcomes": found.outcomes, "changes": found.changes, "sample": found.sample}
    if json:
        as_json(stdout(), {name: _records(answer) for name, answer in parts.items()})
        return
    for name, answer in parts.items():
        stdout().print(name, style="bold")
        for table in _tables(answer, whole=name != "sample"):
            print_table(stdout(), table)


def _records(answer: "Answer") -> list[dict[str, object]]:
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


def _tables(answer: "Answer", *, whole: bool) -> list[Table]:
    """One table, or one a row: a trace is read, not scanned."""
    return [Table(answer.columns, rows) for rows in ([answer.rows] if whole else [[row] for row in answer.rows])]
