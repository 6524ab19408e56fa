"""The web application of `tracegen browse`: traces read, searched and marked in a browser, on this machine alone."""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

from tracegen.engines.models import require

INSTALL = "pip install 'aiohttp>=3.10'"


@dataclass(frozen=True, slots=True)
class Browsing:
    """What to serve, and where."""

    store_uri: str
    run_id: str
    """Empty where a corpus is named."""
    corpus_uri: str
    verdict_set: str
    host: str
    port: int
    """0: any that is free."""
    token: str
    """Asked for by servers that other machines can reach; else empty."""


def browse(asked: Browsing, ready: Callable[[str], None]) -> None:
    """Serve until stopped; ``ready`` is told the URL. Raises MissingDependency, UserError."""
    require("aiohttp", "tracegen browse", INSTALL)
    from tracegen.browse.place import open_corpus, open_run
    from tracegen.browse.server import serve
    from tracegen.runtime.stopping import until_stopped

    run = (asked.store_uri, asked.run_id, asked.verdict_set)
    place = open_corpus(asked.corpus_uri) if asked.corpus_uri else open_run(*run)
    until_stopped(serve(place, asked.host, asked.port, asked.token, ready))


def is_loopback(host: str) -> bool:
    """Whether a server there can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
