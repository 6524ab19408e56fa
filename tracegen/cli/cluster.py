"""`tracegen cluster`: up, status, tunnel, down. What they do is in `tracegen/cloud`; here they ask, and tell."""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from tracegen.cli.failures import say, stopping_cleanly
from tracegen.cli.summary import as_json
from tracegen.cli.terminal import stdout
from tracegen.cli.words import count
from tracegen.cloud.cluster import CloudCluster, Left, Planned, Standing
from tracegen.cloud.instances import RUNNING, Instance
from tracegen.cloud.terraform import Terraform
from tracegen.errors import CloudError, UserError

STOPPED = "stopped; Terraform's state has what there is: `tracegen cluster up` goes on, `tracegen cluster down` ends it"


def up(folder: Path, var_files: Sequence[Path], *, yes: bool) -> None:
    """Plan, ask, make."""
    with stopping_cleanly(STOPPED), _cluster(folder, var_files).planned() as planned:
        say(_told(planned))
        if not (planned.created or planned.changed or planned.destroyed):
            return
        _agreed("Make it?", yes=yes)
        outputs = planned.apply()
    for name in ("corpus_uri", "head_instance_id"):
        stdout().print(f"{name:17} {outputs.get(name, '–')}", markup=False, soft_wrap=True)


def status(folder: Path, *, json: bool) -> None:
    """What there is."""
    standing = _cluster(folder).status()
    if json:
        as_json(stdout(), _plain(standing))
    else:
        show_standing(stdout(), standing)


def tunnel(folder: Path, *, only_show: bool) -> None:
    """Open it, or show how."""
    found = _cluster(folder).tunnel()
    if only_show:
        stdout().print(found.command, markup=False, soft_wrap=True)
        return
    say("in another terminal, before `ray job submit`:")
    for line in found.beside:
        say(f"  {line}")
    found.open()


def down(folder: Path, var_files: Sequence[Path], *, yes: bool) -> None:
    """Ask, end, and say what is left. Raises CloudError where something that costs is."""
    _agreed("End the cluster, and every run on it?", yes=yes)
    with stopping_cleanly(STOPPED):
        left = _cluster(folder, var_files).down(say)
    stdout().print(_remains(left), markup=False, soft_wrap=True)
    if left.instances or left.volumes:
        raise CloudError("something that costs is left", hint="the same command goes on")


def _cluster(folder: Path, var_files: Sequence[Path] = ()) -> CloudCluster:
    return CloudCluster(Terraform(folder, tuple(var_files)))


def _agreed(question: str, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise UserError("nobody is here to say yes", hint="give --yes")
    typer.confirm(question, abort=True, err=True)


def _told(planned: Planned) -> str:
    cost = planned.max_hourly_cost_usd
    most = "its price is unknown" if cost is None else f"with every node up it costs {cost:,.2f} USD an hour"
    changes = f"{planned.created} to create, {planned.changed} to change, {planned.destroyed} to destroy"
    return f"{changes}; {most} (on-demand list prices of the configuration; storage and traffic come on top)"


def show_standing(console: Console, standing: Standing) -> None:
    """Instances by type, hours and dollars."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("node type", no_wrap=True)
    for name in ("instances", "state", "hours", "USD/hour", "USD"):
        table.add_column(name, justify="right", no_wrap=True)
    for node_type, found in _by_type(standing).items():
        table.add_row(*_row(node_type, found, standing.usd_per_hour(node_type)))
    console.print(f"{standing.name} in {standing.region}", markup=False)
    console.print(table)
    source = standing.outputs.get("prices_source", "no prices")
    console.print(
        f"estimate: hours since each instance's last start, at {source}. What has ended is not in it: see tracegen status",
        style="dim",
        markup=False,
        soft_wrap=True,
    )


def _by_type(standing: Standing) -> dict[str, list[Instance]]:
    found: dict[str, list[Instance]] = {}
    for one in standing.instances:
        found.setdefault(one.node_type, []).append(one)
    return found


def _row(node_type: str, found: list[Instance], price: float | None) -> list[str]:
    hours = sum(one.hours for one in found)
    running = sum(one.state in RUNNING for one in found)
    states = ", ".join(f"{number} {state}" for state, number in sorted(Counter(one.state for one in found).items()))
    money = ["–", "–"] if price is None else [f"{price * running:,.2f}", f"{price * hours:,.2f}"]
    return [node_type, count(len(found)), states, f"{hours:.2f}", *money]


def _plain(standing: Standing) -> dict[str, object]:
    instances = [{**asdict(one), "hours": one.hours} for one in standing.instances]
    prices = {name: standing.usd_per_hour(name) for name in _by_type(standing)}
    return {"name": standing.name, "region": standing.region, "instances": instances, "usd_per_hour": prices}


def _remains(left: Left) -> str:
    kept = f"; kept with its objects: {', '.join(f's3://{name}' for name in left.buckets)}" if left.buckets else ""
    if left.nothing:
        return "nothing is left"
    parts = [
        *(f"instance {one.instance_id} ({one.node_type}, {one.state})" for one in left.instances),
        *(f"volume {name}" for name in left.volumes),
        f"{len(left.resources)} resources in Terraform's state" if left.resources else "",
    ]
    return f"left: {', '.join(filter(None, parts))}{kept}"
