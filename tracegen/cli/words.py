"""Numbers as people read them. Pure."""

NOTHING = "–"


def duration(seconds: float) -> str:
    """``42s``, ``4m 05s``, ``3h 07m``, ``2d 04h``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    if whole < 86_400:
        return f"{whole // 3600}h {whole % 3600 // 60:02d}m"
    return f"{whole // 86_400}d {whole % 86_400 // 3600:02d}h"


def share(value: float | None) -> str:
    """``41%``; below one per cent, ``0.4%``."""
    if value is None:
        return NOTHING
    return f"{value:.1%}" if 0 < value < 0.01 else f"{value:.0%}"


def count(value: float) -> str:
    """``1,234``."""
    return f"{value:,.0f}"


def of(done: int, wanted: int | None) -> str:
    """``18/20``, or ``18`` where nothing was set."""
    return count(done) if wanted is None else f"{count(done)}/{count(wanted)}"
