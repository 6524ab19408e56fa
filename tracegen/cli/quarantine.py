"""`tracegen quarantine`: what was given up and why, and the way to have it tried again."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from tracegen.cli.inspect import print_table
from tracegen.cli.runs import chosen
from tracegen.cli.services import Services, Table
from tracegen.cli.summary import as_json
from tracegen.cli.terminal import stdout

if TYPE_CHECKING:
    from tracegen.quarantine import Kept

COLUMNS = ("attempt", "domain", "tries", "deaths", "replica", "error", "shard")


def show_quarantine(services: Services, store: str, run: str | None, *, json: bool) -> None:
    """List the attempts in quarantine."""
    kept = services.quarantined(store, chosen(services, store, run))
    if json:
        as_json(stdout(), [one.to_json() for one in kept])
    elif not kept:
        stdout().print("nothing is in quarantine")
    else:
        print_table(stdout(), Table(COLUMNS, [_row(one) for one in kept]))


def requeue(
    services: Services, store: str, run: str | None, attempt_ids: Collection[str] | None, *, json: bool
) -> None:
    """Take attempts out of quarantine, all where none is named, and say what comes of it."""
    kept = services.requeue(store, chosen(services, store, run), attempt_ids)
    if json:
        as_json(stdout(), [one.to_json() for one in kept])
        return
    for text in _said(kept):
        stdout().print(text, markup=False, soft_wrap=True)


def _said(kept: Sequence["Kept"]) -> list[str]:
    back = [one for one in kept if one.requeued]
    lines = [
        f"{one.item.attempt_id}: stays, as its shard {one.item.shard_id} is settled" for one in kept if one.settled
    ]
    if back:
        lines.append(f"{len(back)} requeued: the next start of the run hands them out again")
    return lines or ["nothing is in quarantine"]


def _row(one: "Kept") -> tuple[object, ...]:
    item = one.item
    last = item.troubles[-1] if item.troubles else None
    replica, error = (last.replica_id, last.error.partition("\n")[0][:80]) if last else ("", "")
    return item.attempt_id, item.domain.value, item.tries, item.deaths, replica, error, _shard(one)


def _shard(one: "Kept") -> str:
    return "settled" if one.settled else "open"
