"""`tracegen cluster`, as typer sees it. What its commands do is in the module `cluster`."""

from pathlib import Path
from typing import Annotated

import typer

from tracegen.cli import options

app = typer.Typer(help="A cluster on AWS, as infra/terraform describes it.", no_args_is_help=True)

HERE = Path("infra/terraform/examples/cluster")
Folder = Annotated[Path, typer.Option("--dir", metavar="DIR", help="The folder of the Terraform configuration.")]
VarFiles = Annotated[
    list[Path] | None,
    typer.Option("--var-file", metavar="FILE", help="Values of its variables; from here, or from DIR. Repeatable."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@app.command()
def up(folder: Folder = HERE, var_file: VarFiles = None, yes: Yes = False) -> None:
    """Make the cluster, or change it. Shows what it can cost an hour at most, and asks."""
    from tracegen.cli.cluster import up as carry_out

    carry_out(folder, var_file or [], yes=yes)


@app.command()
def status(folder: Folder = HERE, json: options.AsJson = False) -> None:
    """Which instances there are, since when, and what they have cost."""
    from tracegen.cli.cluster import status as show

    show(folder, json=json)


@app.command()
def tunnel(
    folder: Folder = HERE,
    only_show: Annotated[bool, typer.Option("--print", help="Print the command instead of running it.")] = False,
) -> None:
    """Bring the head's dashboard and Jobs API to this machine, until Ctrl-C."""
    from tracegen.cli.cluster import tunnel as carry_out

    carry_out(folder, only_show=only_show)


@app.command()
def down(folder: Folder = HERE, var_file: VarFiles = None, yes: Yes = False) -> None:
    """End everything: head, nodes that the autoscaler launched, network. A bucket that holds objects stays."""
    from tracegen.cli.cluster import down as carry_out

    carry_out(folder, var_file or [], yes=yes)
