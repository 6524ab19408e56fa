"""`tracegen diff`: two corpora, each by its version in a run or by its folder, and what tells them apart."""

from dataclasses import fields

from tracegen.cli.failures import stopping_cleanly
from tracegen.cli.inspect import print_table
from tracegen.cli.query import corpus_folder
from tracegen.cli.services import Services, Table
from tracegen.cli.summary import as_json
from tracegen.cli.terminal import stdout


def diff(services: Services, store: str, run: str | None, pair: tuple[str, str], sample: int, *, json: bool) -> None:
    """Compare, and print a table a part; a part in which nothing differs is left out."""
    with stopping_cleanly("stopped"):
        a, b = (corpus_folder(services, store, run, named) for named in pair)
        found = services.compare_corpora(a, b, sample=sample)
    parts = {field.name: getattr(found, field.name) for field in fields(found)}
    if json:
        records = {
            name: [dict(zip(answer.columns, row, strict=True)) for row in answer.rows] for name, answer in parts.items()
        }
        as_json(stdout(), {"a": a, "b": b, **records})
        return
    stdout().print(f"a  {a}\nb  {b}", markup=False, soft_wrap=True)
    for name, answer in parts.items():
        if answer.rows:
            stdout().print(f"\n{name}", style="bold")
            print_table(stdout(), Table(answer.columns, answer.rows))
