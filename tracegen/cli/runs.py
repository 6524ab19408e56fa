"""Which run of a store is meant."""

from collections.abc import Sequence

from tracegen.cli.services import Services
from tracegen.errors import UserError


def chosen(services: Services, store_uri: str, run: str | None) -> str:
    """The run by its id or by the beginning of it; without one, the newest."""
    if run is not None and services.has_run(store_uri, run):
        return run
    runs = services.runs(store_uri)
    if not runs:
        raise UserError(f"no run in {store_uri}", hint="start one with: tracegen run RECIPE, or name another --store")
    return runs[0] if run is None else _by_beginning(runs, store_uri, run)


def _by_beginning(runs: Sequence[str], store_uri: str, run: str) -> str:
    matching = [run_id for run_id in runs if run_id.startswith(run)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise UserError(f"{run!r} begins more than one run", hint=", ".join(matching))
    raise UserError(f"no run {run!r} in {store_uri}", hint=f"there: {', '.join(runs[:5])}")
