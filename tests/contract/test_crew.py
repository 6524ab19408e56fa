"""What every crew promises: all the work done, by this process, by several, or on Ray; and the same corpus by each."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.filled import SET, accepted, fill, recipe
from tracegen.corpus.build import build
from tracegen.errors import ActorLost, StoreError, TracegenError
from tracegen.ledger.layout import completions_key
from tracegen.prompts.prepare import load_plan
from tracegen.protocols import Crew, Store
from tracegen.runtime.crew import TRIES, Alone, Pool
from tracegen.store import LocalStore


@pytest.fixture(params=["alone", "processes", pytest.param("ray", marks=pytest.mark.ray)])
def crew(request: pytest.FixtureRequest) -> Crew:
    match request.param:
        case "alone":
            return Alone()
        case "processes":
            return Pool(2)
        case _:
            request.getfixturevalue("local_ray")
            from tracegen.cluster.ray import RayCrew

            return RayCrew()


@dataclass(frozen=True)
class Frail:
    """Doubles a number. Its process dies at the first one, as often as there are lives to lose."""

    folder: Path
    lives: int

    def __call__(self, number: int) -> int:
        lost = len([*self.folder.glob("lost-*")])
        if number == 0 and lost < self.lives:
            (self.folder / f"lost-{lost}").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return 2 * number


def refuse(number: int) -> int:
    if number == 3:
        raise StoreError("cannot write /full", hint="make room")
    return number


def fail(number: int) -> float:
    return 1 / number


def test_every_item_is_done(crew: Crew) -> None:
    assert sorted(crew.each(abs, range(-9, 0))) == list(range(1, 10))
    assert list(crew.each(abs, ())) == []


def test_an_error_keeps_its_name_and_its_line(crew: Crew) -> None:
    with pytest.raises(StoreError) as told:
        list(crew.each(refuse, range(8)))
    assert str(told.value) == "cannot write /full; make room"


def test_a_foreign_error_is_raised(crew: Crew) -> None:
    with pytest.raises((ZeroDivisionError, TracegenError), match="division by zero"):
        list(crew.each(fail, range(2)))


def test_what_is_closed_early_ends(crew: Crew) -> None:
    with closing(crew.each(abs, range(100))) as results:
        assert next(results) in range(100)


@pytest.mark.parametrize("crew", ["processes", pytest.param("ray", marks=pytest.mark.ray)], indirect=True)
def test_what_a_dead_process_had_in_hand_is_done_elsewhere(crew: Crew, tmp_path: Path) -> None:
    assert sorted(crew.each(Frail(tmp_path, lives=1), range(4))) == [0, 2, 4, 6]
    assert [*tmp_path.iterdir()] == [tmp_path / "lost-0"]


@pytest.mark.parametrize("crew", ["processes", pytest.param("ray", marks=pytest.mark.ray)], indirect=True)
def test_what_kills_every_process_is_told(crew: Crew, tmp_path: Path) -> None:
    with pytest.raises(ActorLost):
        list(crew.each(Frail(tmp_path, lives=99), range(2)))
    # The other item may be done in the third round, from which three more are counted.
    assert TRIES <= len([*tmp_path.iterdir()]) <= 2 * TRIES


def test_processes_end_with_their_parent(tmp_path: Path) -> None:
    """However it ends: a build that is killed leaves nobody writing."""
    program = (
        "import time\nfrom tracegen.runtime.crew import Pool\n"
        "if __name__ == '__main__':\n    print(list(Pool(2).each(time.sleep, [60, 60])))\n"
    )
    (tmp_path / "program.py").write_text(program)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen([sys.executable, str(tmp_path / "program.py")], env=environment) as parent:
        began = psutil.Process(parent.pid)
        until(lambda: len(workers(began)) == 2)
        children = workers(began)
        parent.kill()
    until(lambda: not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children))


def workers(parent: psutil.Process) -> list[psutil.Process]:
    return [child for child in parent.children() if "resource_tracker" not in " ".join(child.cmdline())]


def until(is_so: Callable[[], bool], deadline_s: float = 30) -> None:
    end_s = time.monotonic() + deadline_s
    while not is_so():
        assert time.monotonic() < end_s
        time.sleep(0.05)


def corpus(store: Store) -> dict[str, bytes]:
    return {found.key: store.get(found.key) for found in store.list("corpus/")}


def test_a_corpus_is_the_same_whoever_makes_its_files(crew: Crew, tmp_path: Path) -> None:
    of = recipe(corpus={"file_bytes": 3_000})
    stores = [LocalStore(tmp_path / name) for name in ("one", "other")]
    for store in stores:
        fill(store, tmp_path, of, accepted)
    whole = build(stores[0], of, SET, "r-1")
    assert len(whole.manifest.files) > 3
    seen: list[tuple[int, int]] = []
    built = build(stores[1], of, SET, "r-1", crew, lambda *so_far: seen.append(so_far))
    assert built.manifest == whole.manifest
    assert corpus(stores[1]) == corpus(stores[0])
    assert seen == [(made, len(whole.manifest.files)) for made in range(1, len(whole.manifest.files) + 1)]


def test_a_damaged_ledger_is_told_in_one_line_by_any_crew(crew: Crew, tmp_path: Path) -> None:
    store, of = LocalStore(tmp_path / "store"), recipe(corpus={"file_bytes": 3_000})
    fill(store, tmp_path, of, accepted)
    key = completions_key(load_plan(store).shards[0].shard_id)
    store.put(key, b"not parquet")
    with pytest.raises(StoreError, match=f"{key} is damaged"):
        build(store, of, SET, "r-1", crew)
