"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

RecipePath = Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe file, as jobs/recipes/quickstart.yaml.")]
StoreUri = Annotated[str, typer.Option("--store", metavar="URI", help="A folder, or s3://bucket/prefix.")]
RequiredStoreUri = Annotated[
    str, typer.Option("--store", metavar="URI", help="s3://bucket/prefix, or a folder that every node sees.")
]
RunArgument = Annotated[
    str | None, typer.Argument(metavar="[RUN]", help="A run id, or the beginning of one; the newest if left out.")
]
RunOption = Annotated[
    str | None, typer.Option("--run", metavar="RUN", help="A run id, or the beginning of one; the newest if left out.")
]
Rows = Annotated[
    str,
    typer.Argument(
        metavar="ROWS|RUN", help="A corpus, or any folder, glob or file of .parquet or .jsonl, also s3://; or a run."
    ),
]
Student = Annotated[str, typer.Option("--student", metavar="NAME", help="As qwen-7b; `tracegen students` has all.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
Engine = Annotated[str | None, typer.Option("--engine", metavar="NAME", help="Instead of the recipe's teacher.engine.")]
Cluster = Annotated[
    str | None, typer.Option("--cluster", metavar="ray|local", help="Instead of the recipe's where.cluster.")
]
Replicas = Annotated[int | None, typer.Option("--replicas", min=1, help="Instead of the recipe's where.replicas.")]
RunId = Annotated[
    str | None, typer.Option("--run-id", metavar="ID", help="Instead of the id made from the recipe's name and digest.")
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="A.B=C", help="Any other value of the recipe, as rejection.keep=2. Repeatable."),
]
NoBuild = Annotated[bool, typer.Option("--no-build", help="Leave the ledger; build the corpus later.")]


def overrides(engine: str | None, cluster: str | None, replicas: int | None, sets: list[str] | None) -> list[str]:
    """The options as ``a.b=c``, the form in which a recipe takes them; ``--set`` has the last word."""
    named = {"teacher.engine": engine, "where.cluster": cluster, "where.replicas": replicas}
    return [*(f"{key}={value}" for key, value in named.items() if value is not None), *(sets or [])]
