"""How busy the processes of a pool are. It counts; who works on what is the pool's affair."""

from collections.abc import Callable


class Meter:
    """Busy processes over time."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._busy = self._size = 0
        self._busy_s = self._size_s = 0.0
        self._at_s = clock()

    def change(self, *, busy: int = 0, size: int = 0) -> None:
        """So many processes more, or fewer, at work or alive."""
        self._move()
        self._busy += busy
        self._size += size

    def share(self) -> float:
        """Of the processes' time since the last call, what they worked: 0 to 1."""
        self._move()
        share = self._busy_s / self._size_s if self._size_s else 0.0
        self._busy_s = self._size_s = 0.0
        return share

    def _move(self) -> None:
        now_s = self._clock()
        self._busy_s += self._busy * (now_s - self._at_s)
        self._size_s += self._size * (now_s - self._at_s)
        self._at_s = now_s
