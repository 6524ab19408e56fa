"""A server for the tests of pages, in a thread of its own as `tracegen browse` runs it."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from tests.browse.places import full_run
from tracegen.browse.place import Place
from tracegen.browse.server import serve


@contextmanager
def serving(place: Place, host: str = "127.0.0.1", token: str = "") -> Iterator[str]:
    """The URL of a server, while it lives."""
    urls: list[str] = []
    stops: list[Callable[[], object]] = []
    up = threading.Event()

    def ready(url: str) -> None:
        urls.append(url)
        up.set()

    async def work() -> None:
        task = asyncio.ensure_future(serve(place, host, 0, token, ready))
        stops.append(partial(asyncio.get_running_loop().call_soon_threadsafe, task.cancel))
        with suppress(asyncio.CancelledError):
            await task

    # Not this thread's loop: Playwright has one running here.
    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    try:
        assert up.wait(20)
        yield urls[0].rstrip("/")
    finally:
        stops[0]()
        thread.join(30)


@pytest.fixture(scope="session")
def full_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the full run, which tests only read."""
    folder = tmp_path_factory.mktemp("browse")
    full_run(str(folder / "store"), folder)
    return folder / "store"
