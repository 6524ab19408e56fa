"""`tracegen run`: from a recipe to a summary, with progress on the way."""

from collections.abc import Sequence
from pathlib import Path

from tracegen.cli.failures import stopping_cleanly
from tracegen.cli.invocation import our_name
from tracegen.cli.progress import reporter
from tracegen.cli.services import Services
from tracegen.cli.summary import as_json, show
from tracegen.cli.terminal import stderr, stdout
from tracegen.runtime.progress import RunSummary


def carry_out(
    services: Services, recipe: Path, overrides: Sequence[str], store: str, *, run_id: str | None, build: bool
) -> RunSummary:
    """Begin or resume the recipe's run and see it through."""
    loaded = services.load(recipe, overrides)
    with stopping_cleanly("stopped; the same command resumes"), reporter(stderr()) as report:
        return services.execute(loaded, store, run_id=run_id, build=build, on_progress=report)


def show_end(summary: RunSummary, *, json: bool) -> None:
    """The summary, for a person or for a program."""
    if json:
        as_json(stdout(), summary.to_json())
    else:
        show(stdout(), summary, our_name())
