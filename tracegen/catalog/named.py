"""Queries that come with tracegen: a file of SQL each, in ``queries/``. What they are put to is ``views.py``.

A file's first line is a comment that says what it answers; one with ``$limit`` in it has a second, ``-- limit: 20``.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import files

from tracegen.errors import UserError


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """One of them."""

    name: str
    about: str
    text: str
    """SQL, without the comments at its head."""
    limit: int | None
    """Rows that it gives unless asked for more or fewer; None where it gives all there are."""

    def sql(self, limit: int | None = None) -> str:
        """A statement that anybody can run. Raises UserError for a limit where it has none."""
        if limit is not None and self.limit is None:
            raise UserError(f"query {self.name!r} takes no limit", hint="it gives every row, and they are few")
        return self.text.replace("$limit", str(self.limit if limit is None else limit))


def named_queries() -> tuple[NamedQuery, ...]:
    """All of them, by name."""
    found = sorted(files("tracegen.catalog").joinpath("queries").iterdir(), key=lambda file: file.name)
    return tuple(_read(file.name.removesuffix(".sql"), file.read_text(encoding="utf-8")) for file in found)


def named_query(name: str) -> NamedQuery:
    """The one of that name. Raises UserError, with what was probably meant."""
    known = {one.name: one for one in named_queries()}
    if name not in known:
        close = get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there is: {', '.join(known)}; anything else has to be SQL"
        raise UserError(f"no query {name!r}", hint=hint)
    return known[name]


def _read(name: str, text: str) -> NamedQuery:
    about, _, rest = text.removeprefix("-- ").partition("\n")
    limit = None
    if rest.startswith("-- limit: "):
        first, _, rest = rest.partition("\n")
        limit = int(first.removeprefix("-- limit: "))
    return NamedQuery(name, about.strip(), rest.strip(), limit)
