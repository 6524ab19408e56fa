"""A run as it goes on: a board on a terminal, lines elsewhere. Reads snapshots, never the run."""

from collections import Counter
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tracegen.cli.words import count, duration, of, share
from tracegen.runtime.progress import DomainProgress, Snapshot, VerifierProgress, total
from tracegen.scheduling.tokens import CAUSES

LINE_EVERY_S = 5.0
WIDE, MEDIUM = 100, 70
"""From so many columns on there is room for a long bar, or for a short one."""


class Reporter(Protocol):
    """Shows a run from its first snapshot to its last."""

    def __call__(self, snapshot: Snapshot) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


def reporter(console: Console) -> Reporter:
    """The board where it can be drawn, else lines."""
    return Board(console) if console.is_terminal and not console.is_dumb_terminal else Lines(console)


class Board:
    """Redraws in place, and leaves nothing behind but the last state of a run that was cut short."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._latest: Snapshot | None = None
        self._live = Live(get_renderable=self._draw, console=console, refresh_per_second=4, transient=True)

    def __call__(self, snapshot: Snapshot) -> None:
        self._latest = snapshot

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.stop()
        if error is not None and self._latest is not None:
            self._console.print(line(self._latest), markup=False)

    def _draw(self) -> RenderableType:
        return board(self._latest, self._console.width) if self._latest else Text("preparing …")


class Lines:
    """A line every few seconds, and one whenever the phase changes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown: Snapshot | None = None
        self._latest: Snapshot | None = None

    def __call__(self, snapshot: Snapshot) -> None:
        self._latest = snapshot
        shown = self._shown
        if shown is None or snapshot.phase != shown.phase or snapshot.at_s - shown.at_s >= LINE_EVERY_S:
            self._show(snapshot)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._latest is not None and self._latest is not self._shown:
            self._show(self._latest)

    def _show(self, snapshot: Snapshot) -> None:
        if self._shown is None:
            self._console.print(f"run {snapshot.run_id}", markup=False, soft_wrap=True)
        self._shown = snapshot
        self._console.print(line(snapshot), markup=False, soft_wrap=True)


def line(snapshot: Snapshot) -> str:
    """The whole run in one line, for logs."""
    domains = [f"{domain.domain} {of(domain.accepted, domain.target)}" for domain in snapshot.domains]
    whole = total(snapshot.domains)
    parts = [*domains, f"{count(whole.attempts)} attempts", f"{share(whole.pass_rate)} pass", *_rates(snapshot)]
    if whole.quarantined:
        parts.append(f"{count(whole.quarantined)} quarantined")
    return f"[{duration(snapshot.elapsed_s)}] {snapshot.phase}: {' · '.join(parts)}"


def board(snapshot: Snapshot, width: int) -> Group:
    """The whole run as a table between a head and a foot, cut for ``width`` columns."""
    head = Text.assemble(
        (snapshot.run_id, "bold"), f" · {snapshot.phase} · {duration(snapshot.elapsed_s)}", overflow="fold"
    )
    foot = "\n".join(filter(None, (" · ".join(_rates(snapshot)), waste(snapshot), given_up(snapshot))))
    return Group(head, domain_table(snapshot, width), Text(foot, style="dim"))


def waste(snapshot: Snapshot) -> str:
    """What became of the tokens, by cause; empty before there are any."""
    tokens = total(snapshot.domains).tokens_by_cause
    if not tokens.spent:
        return ""
    causes = ((name, getattr(tokens, name)) for name in CAUSES)
    parts = [f"{name} {share(number / tokens.spent)}" for name, number in causes if number]
    return f"{count(tokens.spent)} tokens: {' · '.join(parts)}"


def saturation(verifiers: VerifierProgress) -> str:
    """``verifiers: 83% busy, 2 processes, 12 waiting``."""
    processes = f"{count(verifiers.processes)} {'process' if verifiers.processes == 1 else 'processes'}"
    waiting = [f"{count(verifiers.waiting)} waiting"] if verifiers.waiting else []
    return ", ".join([f"verifiers: {share(verifiers.busy)} busy", processes, *waiting])


def given_up(snapshot: Snapshot) -> str:
    """How many attempts are in quarantine; empty for none."""
    number = total(snapshot.domains).quarantined
    return f"{count(number)} quarantined: tracegen quarantine shows why" if number else ""


def domain_table(snapshot: Snapshot, width: int) -> Table:
    """A row a domain, and a total where there are several."""
    bar_width = 30 if width >= WIDE else 12 if width >= MEDIUM else 0
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("domain", no_wrap=True)
    if bar_width:
        table.add_column("", width=bar_width)
    for name in ("accepted", "attempts", "pass rate", *(("undecided", "prompts") if width >= WIDE else ())):
        table.add_column(name, justify="right", no_wrap=True)
    for domain in rows_of(snapshot):
        table.add_row(*_cells(domain, width, bar_width), style="bold" if domain.domain == "total" else "")
    return table


def _cells(domain: DomainProgress, width: int, bar_width: int) -> list[RenderableType]:
    done, wanted = (domain.decided, domain.prompts) if domain.target is None else (domain.accepted, domain.target)
    bar = [ProgressBar(total=max(wanted, 1), completed=min(done, wanted), width=bar_width)] if bar_width else []
    numbers = [of(domain.accepted, domain.target), count(domain.attempts), share(domain.pass_rate)]
    if width >= WIDE:
        numbers += [count(domain.undecided), of(domain.decided, domain.prompts)]
    return [label(domain), *bar, *numbers]


def rows_of(snapshot: Snapshot) -> list[DomainProgress]:
    """The domains, each with its sources that have a quota, and a total of several domains."""
    rows = []
    for domain in snapshot.domains:
        rows += [domain, *(source for source in snapshot.sources if source.domain == domain.domain)]
    return [*rows, *([total(snapshot.domains)] if len(snapshot.domains) > 1 else [])]


def label(row: DomainProgress) -> str:
    """The domain's name, or a source's below it."""
    return f"  {row.source}" if row.source else row.domain


def _rates(snapshot: Snapshot) -> list[str]:
    states = Counter(replica.state for replica in snapshot.replicas)
    replicas = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
    return [
        f"{count(snapshot.tokens_per_s)} tokens/s",
        f"{count(snapshot.in_flight)} in flight",
        *([f"{'replica' if len(snapshot.replicas) == 1 else 'replicas'}: {replicas}"] if replicas else []),
        *([saturation(snapshot.verifiers)] if snapshot.verifiers else []),
        f"{of(snapshot.shards_settled, snapshot.shards_total)} shards settled",
        *([f"ETA {duration(snapshot.eta_s)}"] if snapshot.eta_s is not None else []),
    ]
