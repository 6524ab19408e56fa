"""From a run's ledger to a corpus, without a teacher::

    ray job submit --working-dir . -- python jobs/build_corpus.py --store s3://bucket/prefix

Building is a pure function of ledger and recipe: it may be done again, anywhere, and gives the same bytes. Each file is
a task of its own; the job submitted again goes on from the files that are there.
"""

import typer

from tracegen.cli import options
from tracegen.cli.failures import told
from tracegen.cli.inspect import show_build
from tracegen.cli.services import Library
from tracegen.cli.terminal import show_logs
from tracegen.cluster.ray import RayCluster
from tracegen.recipe import Where


def build_corpus(store: options.RequiredStoreUri, run: options.RunOption = None) -> None:
    """Build the corpus of a run; the newest if none is named."""
    show_logs(verbose=True)
    cluster = RayCluster(Where())
    cluster.open()
    try:
        show_build(Library(cluster.crew()), store, run, json=False)
    finally:
        cluster.close()


if __name__ == "__main__":
    told(lambda: typer.run(build_corpus))
