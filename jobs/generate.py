"""From a recipe to a corpus, on a cluster::

    ray job submit --working-dir . -- python jobs/generate.py jobs/recipes/quickstart.yaml --store s3://bucket/prefix

Takes the same options as `tracegen run`, writes lines rather than a board since a job has no terminal, and leaves
with the same exit code. Submitting it again resumes the run.
"""

import typer

from tracegen.cli import options
from tracegen.cli.failures import told
from tracegen.cli.run import carry_out, show_end
from tracegen.cli.services import Library
from tracegen.cli.terminal import show_logs


def generate(  # noqa: PLR0913
    recipe: options.RecipePath,
    store: options.RequiredStoreUri,
    engine: options.Engine = None,
    replicas: options.Replicas = None,
    run_id: options.RunId = None,
    sets: options.Sets = None,
    no_build: options.NoBuild = False,
) -> None:
    """Generate, verify, keep what is right, and build the corpus."""
    # A job's log is read after the fact, so the parts of the run tell what they do.
    show_logs(verbose=True)

    # What the recipe says, with the submitter's changes laid over it. The cluster is the one we are on.
    changes = options.overrides(engine, "ray", replicas, sets)

    # Check everything that can be wrong, claim the run, start replicas, verifiers and recorders, and keep them busy
    # until every domain has what it wants; then turn the ledger into Parquet.
    summary = carry_out(Library(), recipe, changes, store, run_id=run_id, build=not no_build)

    # Where the corpus is, what became of the attempts, and what to type next.
    show_end(summary, json=False)


if __name__ == "__main__":
    told(lambda: typer.run(generate))
