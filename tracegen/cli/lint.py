"""`tracegen lint` and `tracegen students`: what a trainer would make of the rows, and whom they can train."""

from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from tracegen.cli.failures import stopping_cleanly
from tracegen.cli.inspect import print_table
from tracegen.cli.runs import chosen
from tracegen.cli.services import Services, Table
from tracegen.cli.summary import as_json
from tracegen.cli.terminal import stdout
from tracegen.cli.words import count, share
from tracegen.errors import UserError

if TYPE_CHECKING:
    from tracegen.training.lint import Linted

FAULTY = 1
ALL = "all"


@dataclass(frozen=True, slots=True)
class Form:
    """What was asked on the command line."""

    place: str
    """A path, a glob, a URI, a run id or the beginning of one."""
    student: str
    trainers: tuple[str, ...] = ()
    tokenizer: str = ""
    template: str = ""
    max_length: int | None = None
    sample: str = ""


def rows_at(services: Services, store: str, place: str) -> str:
    """Where the rows are: as named, or the newest corpus of the run that is named."""
    path = Path(place).expanduser()
    if (path / "run.json").is_file():
        return services.corpus(str(path.absolute().parent), path.absolute().name)
    if "/" in place or "*" in place or path.exists() or path.suffix:
        return place
    return services.corpus(store, chosen(services, store, place))


def show_lint(services: Services, store: str, form: Form, *, json: bool) -> None:
    """Lint, tell of every fault, and leave with 1 where there is one."""
    place = rows_at(services, store, form.place)
    with stopping_cleanly("stopped; nothing was written"):
        linted = services.lint(place, form, sampled(form.sample))
    console = stdout()
    if json:
        as_json(console, _plain(place, form, linted))
    else:
        for line in _read(place, form, linted):
            console.print(line, markup=False, soft_wrap=True)
        _print_faults(linted)
    if not linted.clean:
        raise typer.Exit(FAULTY)


def show_students(services: Services, *, json: bool) -> None:
    """The six, with what each is trained from and with."""
    found = services.students()
    if json:
        as_json(stdout(), [student.model_dump(mode="json") for student in found])
        return
    columns = ("student", "base", "licence", "learning rate", "epochs", "batch", "context", "positions")
    rows = [
        (
            student.name,
            student.base,
            student.base_licence,
            f"{student.learning_rate:.0e}",
            "–".join(map(str, student.epochs)),
            student.batch,
            count(student.context),
            f"{count(student.rope.max_position_embeddings)}, base {count(student.rope.rope_theta)}"
            if student.rope
            else "as the base",
        )
        for student in found
    ]
    print_table(stdout(), Table(columns, rows))


def sampled(text: str) -> int | None:
    """The option ``--sample`` as a number; None for all. Raises UserError."""
    from tracegen.training.lint import SAMPLE

    if not text:
        return SAMPLE
    if text == ALL:
        return None
    if not text.isdecimal() or int(text) == 0:
        raise UserError(f"--sample {text}: a number of rows is needed, or {ALL}")
    return int(text)


def _read(place: str, form: Form, linted: "Linted") -> Iterator[str]:
    """What was looked at, and how much of it."""
    yield f"{place}: {count(linted.rows)} rows of {linted.shape}, for {form.student} as {', '.join(linted.trainers)}"
    if linted.rendered < linted.rows:
        unseen = share(3 / max(1, linted.rendered))
        yield (
            f"read all of them; rendered {count(linted.rendered)}, evenly spread: what is wrong with fewer than "
            f"{unseen} may not be among those; --sample all renders every row"
        )
    lengths = linted.lengths
    mean = lengths.tokens / max(1, lengths.rows)
    yield f"tokens a row: {count(mean)} on average, {count(lengths.longest)} at most; the limit is {count(lengths.limit)}"
    if lengths.over:
        lost = share(lengths.lost / max(1, lengths.tokens))
        yield (
            f"{count(lengths.over)} of {count(lengths.rows)} rows ({share(lengths.over / lengths.rows)}) are longer, "
            f"by {count(lengths.lost)} tokens ({lost} of all); a cut takes the answer and the end of the sentence first"
        )
    reading_s = max(linted.wall_s - linted.rendering_s, 1e-9)
    rendering_s = max(linted.rendering_s, 1e-9)
    yield (
        f"took {linted.wall_s:.1f} s: read {count(linted.rows / reading_s)} rows/s; made into tokens "
        f"{count(linted.rendered / rendering_s)} rows/s, {linted.text_bytes / 1e6 / rendering_s:.1f} MB/s"
    )


def _print_faults(linted: "Linted") -> None:
    from tracegen.training.faults import ADVICE

    console = stdout()
    if linted.clean:
        console.print("clean")
        return
    columns = ("fault", "found", "of", "seen by", "first")
    rows = [
        (str(fault), found.rows, linted.looked_at(fault), _who(linted, found.trainers), ", ".join(found.examples))
        for fault, found in sorted(linted.found.items())
    ]
    console.print()
    print_table(console, Table(columns, rows))
    console.print()
    for fault in sorted(linted.found):
        console.print(f"{fault}: {ADVICE[fault]}", markup=False, soft_wrap=True)


def _who(linted: "Linted", trainers: Collection[str]) -> str:
    seen = [trainer for trainer in linted.trainers if trainer in trainers]
    return ", ".join(seen) if 0 < len(seen) < len(linted.trainers) else "all"


def _plain(place: str, form: Form, linted: "Linted") -> dict[str, object]:
    from tracegen.training.faults import ADVICE

    return {
        "place": place,
        "student": form.student,
        "trainers": list(linted.trainers),
        "shape": linted.shape,
        "rows": linted.rows,
        "rendered": linted.rendered,
        "clean": linted.clean,
        "faults": [
            {
                "fault": fault,
                "rows": found.rows,
                "of": linted.looked_at(fault),
                "trainers": sorted(found.trainers or linted.trainers),
                "examples": found.examples,
                "advice": ADVICE[fault],
            }
            for fault, found in sorted(linted.found.items())
        ],
        "lengths": asdict(linted.lengths),
        "text_bytes": linted.text_bytes,
        "rendering_s": round(linted.rendering_s, 3),
        "wall_s": round(linted.wall_s, 3),
    }
