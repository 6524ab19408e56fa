"""`tracegen export`: rows as a trainer reads them, and the configuration to start from."""

from pathlib import Path

from tracegen.cli.failures import stopping_cleanly
from tracegen.cli.services import Services
from tracegen.cli.summary import as_json
from tracegen.cli.terminal import stdout
from tracegen.cli.words import count


def show_export(services: Services, place: str, who: tuple[str, str], out: Path, *, copy: bool, json: bool) -> None:
    """Export for ``who``, a trainer and a student, and say what was written and what it would cut."""
    trainer, student = who
    with stopping_cleanly("stopped; nothing was written"):
        exported = services.export(place, trainer, student, out, copy=copy)
    console = stdout()
    counts = exported.counts
    if json:
        found = {"rows": counts.rows, "counted": counts.counted, "over_context": counts.over}
        as_json(console, {"out": str(out), "files": list(exported.files), "data": exported.data, **found})
        return
    lines = (
        f"{count(counts.rows)} rows for {trainer} and {student} in {out}",
        f"rows    {exported.data}" + ("" if exported.copied else " (as they lie; --copy makes a copy)"),
        f"config  {', '.join(exported.files)}",
        *exported.notes,
    )
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)
