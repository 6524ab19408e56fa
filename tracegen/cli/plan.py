"""`tracegen plan`: what a run will take, as a table or as JSON."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from tracegen.cli.failures import stopping_cleanly
from tracegen.cli.progress import reporter
from tracegen.cli.services import Services
from tracegen.cli.summary import as_json
from tracegen.cli.terminal import stderr, stdout
from tracegen.cli.words import count, duration, share

if TYPE_CHECKING:
    from tracegen.planning.estimate import Estimate, Figure


def show_plan(  # noqa: PLR0913
    services: Services,
    recipe: Path,
    overrides: Sequence[str],
    store: str,
    *,
    pilot: int,
    draws: int,
    json: bool,
) -> None:
    """Reckon, and print."""
    loaded = services.load(recipe, overrides)
    farewell = "stopped; the same command goes on with the pilot" if pilot else "stopped; nothing was written"
    with stopping_cleanly(farewell), reporter(stderr()) as report:
        estimate = services.plan(loaded, store, pilot=pilot, draws=draws, on_progress=report)
    if json:
        as_json(stdout(), estimate.to_json())
        return
    console = stdout()
    console.print(table(estimate))
    for line in closing_lines(estimate):
        console.print(line, markup=False, soft_wrap=True)


def table(estimate: "Estimate") -> Table:
    """The figures in all, and per accepted trace."""
    made = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    made.add_column("", no_wrap=True)
    for name in ("in all", "least", "most", "per accepted trace", "least", "most"):
        made.add_column(name, justify="right", no_wrap=True)
    for row in _rows(estimate):
        made.add_row(*row)
    return made


def _rows(estimate: "Estimate") -> Iterator[Sequence[str]]:
    each = estimate.per_accepted or {}
    yield "attempts", *_all(estimate.attempts), *_each(each.get("attempts"))
    yield "accepted traces", *_all(estimate.accepted)
    yield "prompts covered", *_all(estimate.covered)
    yield "tokens", *_all(estimate.tokens), *_each(each.get("tokens"))
    yield "  in wrong traces", *_all(estimate.tokens_lost_to_rejection)
    yield "wall time", *(duration(value) for value in estimate.wall_s), *_each(each.get("wall_s"), "s")
    if estimate.gpus:
        yield "GPU-hours", *(_short(value) for value in estimate.gpu_hours), *_each(each.get("gpu_hours"))
    if estimate.usd:
        yield "US dollars", *(_short(value) for value in estimate.usd), *_each(each.get("usd"))


def _all(figure: "Figure") -> Iterator[str]:
    return (count(value) for value in figure)


def _each(figure: "Figure | None", unit: str = "") -> Iterator[str]:
    return (f"{_short(value)}{unit and ' '}{unit}" for value in figure or ())


def _short(value: float) -> str:
    return count(value) if value >= 100 else f"{value:.3g}"


def closing_lines(estimate: "Estimate") -> list[str]:
    """What the figures rest on."""
    return [
        "",
        f"{count(estimate.prompts)} prompts; slots {share(estimate.busy_share.middle)} busy; "
        f"median, least and most of {estimate.draws} simulated runs",
        *estimate.basis,
    ]
