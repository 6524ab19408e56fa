"""How a replica learns that its node will be taken away. It acts on nothing: the pump stops leasing and gives back."""

from collections.abc import Callable
from pathlib import Path

Notice = Callable[[], float | None]
"""Seconds until this node is gone; None while nobody has said that it will be. Asked once an exchange."""

NOTICE_S = 120.0
"""What a notice gives that does not say: the two minutes of EC2 spot."""


class FileNotice:
    """A file that a watcher on the node writes: the Unix time of the node's end, or nothing."""

    def __init__(self, path: str, wall_clock: Callable[[], float]) -> None:
        self._path = Path(path)
        self._wall_clock = wall_clock

    def __call__(self) -> float | None:
        try:
            written = self._path.stat().st_mtime
            said = self._path.read_text(encoding="utf-8").strip()
        except OSError:
            return None
        try:
            ends_at_s = float(said)
        except ValueError:
            ends_at_s = written + NOTICE_S
        left_s = ends_at_s - self._wall_clock()
        # A node that has outlived its end was not taken away: the notice is an old one.
        return left_s if left_s > 0 else None


def no_notice() -> float | None:
    """For nodes that stay."""
    return None
