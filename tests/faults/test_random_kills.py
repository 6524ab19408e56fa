"""Must-show 5: random kills of every kind of process, at random moments; the invariants hold in every round.

Twenty rounds by default; ``FAULT_ROUNDS=200`` (``make faults``) for more. A round is repeated by its number.
"""

import os
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.rounds import Played, Round, play
from tests.servers.seaweed import S3Server

pytestmark = [pytest.mark.faults, pytest.mark.slow]

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "20"))
IN_HAND = 64
"""Completions that may be on their way to the ledger when a process dies."""
played: list[Played] = []


def planned(number: int) -> Round:
    """Of ten rounds, two on Ray and three on SeaweedFS, of which one is both."""
    return Round(
        seed=number,
        cluster="ray" if number % 10 in (1, 6) else "local",
        store="s3" if number % 10 in (0, 3, 6) else "folder",
    )


def _marks(what: Round) -> list[pytest.MarkDecorator]:
    marks = [pytest.mark.ray] if what.cluster == "ray" else []
    return marks + ([pytest.mark.s3] if what.store == "s3" else [])


def _parameter(what: Round) -> object:
    return pytest.param(what, marks=_marks(what), id=f"{what.seed}-{what.cluster}-{what.store}")


@pytest.mark.timeout(400)
@pytest.mark.parametrize("what", [_parameter(planned(number)) for number in range(ROUNDS)])
def test_round(what: Round, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    env: dict[str, str] = {}
    uri = str(tmp_path / "store")
    if what.store == "s3":
        server: S3Server = request.getfixturevalue("s3_server")
        env, uri = server.env, request.getfixturevalue("s3_uri")
    played.append(play(what, tmp_path, uri, env))


def test_paid_twice(capsys: pytest.CaptureFixture[str]) -> None:
    """Over all rounds: only what a process had in hand when it died. A round is seconds long and killed twice in them;

    its share says nothing about a run of hours, so that the bound is per kill.
    """
    if not played:
        pytest.skip("no round was played")
    kills = sum((one.kills for one in played), Counter())
    made, twice = sum(one.made for one in played), sum(one.paid_twice for one in played)
    with capsys.disabled():
        print(f"\n{len(played)} rounds, killed {dict(kills)}: {made} completions, {twice} paid twice")
    assert twice <= IN_HAND * (kills.total() - kills["worker"])
