"""`tracegen browse` and `tracegen notes`: which run or corpus is meant, and the URL to open. The rest is the library's."""

import secrets
import webbrowser
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from tracegen.browse import Browsing
from tracegen.cli.failures import say, stopping_cleanly
from tracegen.cli.inspect import print_table
from tracegen.cli.runs import chosen
from tracegen.cli.services import Services, Table
from tracegen.cli.summary import as_json
from tracegen.cli.terminal import stdout
from tracegen.cli.words import count
from tracegen.errors import UserError


def browse(  # noqa: PLR0913
    services: Services,
    store: str,
    named: str | None,
    verdict_set: str,
    address: tuple[str, int],
    *,
    opens: bool,
    json: bool,
) -> None:
    """Serve until Ctrl-C."""
    run_id, corpus_uri = _meant(services, store, named)
    if corpus_uri and verdict_set:
        raise UserError("--set does not go with a corpus", hint="a corpus was built by one verdict set")
    host, port = address
    token = "" if services.is_loopback(host) else secrets.token_urlsafe(24)
    asked = Browsing(store, run_id, corpus_uri, verdict_set, host, port, token)
    with stopping_cleanly("stopped"):
        services.browse(asked, _ready(opens=opens, json=json))


def _meant(services: Services, store: str, named: str | None) -> tuple[str, str]:
    """A run's id, or a corpus's folder."""
    if named is not None and ("/" in named or (Path(named).is_dir() and not services.has_run(store, named))):
        return "", named
    return chosen(services, store, named), ""


def _ready(*, opens: bool, json: bool) -> Callable[[str], None]:
    def ready(url: str) -> None:
        if json:
            as_json(stdout(), {"url": url})
        else:
            stdout().print(f"open {url} (Ctrl-C stops)", markup=False, soft_wrap=True)
        if opens:
            webbrowser.open(url)

    return ready


def show_notes(services: Services, store: str, run: str | None, *, export: bool, json: bool) -> None:
    """The notes of a run, or what became of them as a verdict set."""
    run_id = chosen(services, store, run)
    if export:
        exported = services.export_notes(store, run_id)
        if json:
            as_json(stdout(), asdict(exported))
            return
        parts = ", ".join(f"{number} {outcome}" for outcome, number in sorted(exported.outcomes.items()))
        stdout().print(f"verdict set {exported.name}: {count(exported.rows)} verdicts ({parts})", markup=False)
        if exported.left_out:
            say(f"{exported.left_out} notes are left out: their attempts are not settled")
        return
    notes = sorted(services.notes(store, run_id).values(), key=lambda note: note.id)
    if json:
        as_json(stdout(), [asdict(note) for note in notes])
    else:
        print_table(stdout(), Table(("id", "mark", "note"), [(note.id, note.mark, note.note) for note in notes]))
