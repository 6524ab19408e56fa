"""What a run has cost so far, as `tracegen status` shows it: an estimate, with what it rests on."""

from rich.console import Console
from rich.table import Table

from tracegen.cli.words import count
from tracegen.runtime.progress import NodeUse, Snapshot, total

COLUMNS = ("nodes now", "node-hours", "USD/hour", "USD", "node-hours/accepted", "USD/accepted")


def show_bill(console: Console, snapshot: Snapshot) -> None:
    """Node-hours and dollars, by node type and per accepted trace."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("node type", no_wrap=True)
    for name in COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    accepted = total(snapshot.domains).accepted
    for row in _rows(snapshot.nodes, accepted):
        table.add_row(*row)
    console.print(table)
    console.print(_basis(snapshot.nodes), style="dim", markup=False, soft_wrap=True)


def _rows(nodes: tuple[NodeUse, ...], accepted: int) -> list[list[str]]:
    rows = [_row((use.node_type, use.nodes, use.node_s / 3600, use.usd_per_hour, use.usd), accepted) for use in nodes]
    if len(nodes) > 1:
        known = [use.usd for use in nodes if use.usd is not None]
        hours = sum(use.node_s for use in nodes) / 3600
        rows.append(
            _row(("all", sum(use.nodes for use in nodes), hours, None, sum(known) if known else None), accepted)
        )
    return rows


def _row(of_type: tuple[str, int, float, float | None, float | None], accepted: int) -> list[str]:
    name, now, hours, price, usd = of_type
    each = [value / accepted if accepted and value is not None else None for value in (hours, usd)]
    return [name, count(now), *map(_short, (hours, price, usd, *each))]


def _short(value: float | None) -> str:
    if value is None:
        return "–"
    return count(value) if value >= 100 else f"{value:.3g}"


def _basis(nodes: tuple[NodeUse, ...]) -> str:
    unpriced = [use.node_type for use in nodes if use.usd is None]
    missing = f"; no price for {', '.join(unpriced)}: set it there" if unpriced else ""
    return (
        "estimate: nodes seen in Ray by this run's drivers, times where.plan.usd_per_node_hour of its last driver"
        f"{missing}. Boot, idle time after the run, storage and traffic are not in it"
    )
