"""A verifier that goes wrong stops its run, and nothing that it said since its last good probe is settled."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.drifting import SOUND_CASES, Base, DiesOnce, Hangs, TurnsCorrect, install
from tests.simulated_run import Left, order, recipe_file
from tracegen.errors import VerifierDrift
from tracegen.ledger.drift import distrusted
from tracegen.order import Order
from tracegen.protocols import Payload
from tracegen.run import run
from tracegen.store import SubStore, open_store
from tracegen.types import AnswerReference, Outcome, Trace
from tracegen.verify.host import HostSpec, VerifierHost
from tracegen.verify.pool import Case, Limits, VerifierPool
from tracegen.verify.probes import PROBES
from tracegen.verify.proving import CASES_BETWEEN

pytestmark = pytest.mark.sandbox
CASE = Case("answer", AnswerReference(answer="3"), Trace("", r"\boxed{3}"))
SAID = {
    "yes": r"a wrong probe of kind 'answer' .* must be anything but correct; it said correct \(sure\)",
    "no": r"a right probe of kind 'answer' .* must be correct; it said incorrect \(never\)",
    "shrug": r"must be correct; it said undecided \(who_knows",
    "dies": r"it said nothing: its process died",
    "hasty": r"must be anything but correct; it said correct \(sure\)",
}


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    install(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def given(folder: Path, verifier: str, **keys: object) -> Order:
    return order(recipe_file(folder, verifiers={"answer": verifier}, **keys))


@pytest.mark.parametrize("verifier", SAID)
def test_an_unsound_verifier_stops_a_run_before_an_attempt_is_asked_for(plugins: Path, verifier: str) -> None:
    asked = given(plugins, verifier)
    with pytest.raises(VerifierDrift, match=SAID[verifier]) as caught:
        run(asked, lambda _: None)
    assert "\n" not in str(caught.value)
    assert "drifting/1 drifts" in str(caught.value)
    left = Left(asked)
    assert left.requests() == {}
    assert list(left.root.glob("ledger/completions/*")) == []


def test_a_verifier_that_turns_bad_settles_nothing_and_is_judged_after_again(plugins: Path) -> None:
    # All prompts are in one shard: it cannot be settled before the verifier has turned.
    asked = given(plugins, "turns", prompts=40, prompts_per_shard=64, where={"verifier_processes": 1})
    with pytest.raises(VerifierDrift, match="drifting/1 drifts"):
        run(asked, lambda _: None)
    left = Left(asked)
    assert list(left.root.glob("ledger/completions/*")) == []
    assert distrusted(SubStore(open_store(asked.store_uri), asked.recipe.run_id)) == 1
    journal = "ledger/journal/*/*.judgements.parquet"
    assert left.column(journal, "count(*)") != [0]
    mended = plugins / "drifting-1.dist-info" / "entry_points.txt"
    mended.write_text(mended.read_text().replace("TurnsCorrect", "Base"))
    run(asked, lambda _: None)
    left.must_be_whole()
    wrong = "SELECT count(*) FROM read_parquet('{0}/ledger/verdicts/*/*.parquet') WHERE reason = 'sure'"
    assert left.rows(wrong.format(left.root)) == [(0,)]
    assert set(left.requests().values()) == {1}


def test_a_sound_plug_in_passes(plugins: Path) -> None:
    asked = given(plugins, "sound")
    run(asked, lambda _: None)
    Left(asked).must_be_whole()


@pytest.mark.parametrize("verifier", ["yes", "no", "shrug"])
def test_the_command_line_says_it_in_one_line(plugins: Path, verifier: str) -> None:
    recipe = recipe_file(plugins, verifiers={"answer": verifier})
    command = [sys.executable, "-m", "tracegen", "run", str(recipe), "--store", str(plugins / "store")]
    env = {**os.environ, "PYTHONPATH": f"{plugins}:{Path(__file__).parents[2]}"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env, timeout=60)
    assert done.returncode == 1, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert "drifting/1 drifts" in errors[0]
    assert done.stderr.splitlines()[-1] == errors[0]
    assert "Traceback" not in done.stderr


async def test_every_process_is_probed(plugins: Path) -> None:
    host = VerifierHost(HostSpec({"answer": "sound"}), processes=2)
    await host.start()
    try:
        await host.expect([])
        assert (await host.health()).probes == 0
        await host.expect([PROBES["answer"][0].reference])
        assert (await host.health()).probes == 2 * len(PROBES["answer"])
        await host.prove()
        proven = (await host.health()).probes
        await host.prove()  # nobody has judged anything since
        assert (await host.health()).probes == proven
    finally:
        await host.close()


@pytest.mark.usefixtures("plugins")
async def test_a_pool_that_was_told_nothing_proves_itself_before_it_judges() -> None:
    """As one that took the place of another, after all shards were opened."""
    host = VerifierHost(HostSpec({"answer": "yes"}), processes=1)
    await host.start()
    try:
        with pytest.raises(VerifierDrift, match=SAID["yes"]):
            await host.judge(Payload([]), {"p": CASE.reference})
    finally:
        await host.close()


async def test_an_outage_is_no_drift(tmp_path: Path) -> None:
    once = tmp_path / "once"
    once.touch()
    pool = VerifierPool({"answer": DiesOnce(str(once))}, 1)
    await pool.start()
    try:
        before = pool.pids
        await pool.expect(["answer"])
        assert not once.exists()
        assert len(pool.pids) == 1
        assert pool.pids != before
        await pool.prove()
    finally:
        await pool.close()


async def test_a_verifier_that_never_answers_drifts() -> None:
    pool = VerifierPool({"answer": Hangs()}, 1, Limits(deadline_s=0.3))
    await pool.start()
    try:
        with pytest.raises(VerifierDrift, match="it said nothing within its deadline"):
            await pool.expect(["answer"])
    finally:
        await pool.close()


async def test_processes_that_are_killed_at_once_are_no_drift() -> None:
    pool = VerifierPool({"answer": Base()}, 4)
    await pool.start()
    try:
        await pool.expect(["answer"])
        await pool.judge([CASE] * 64)
        for pid in pool.pids:
            os.kill(pid, signal.SIGKILL)
        await pool.prove()
        assert len(pool.pids) == 4
    finally:
        await pool.close()


async def test_a_pool_that_is_to_prove_itself_is_found_out() -> None:
    pool = VerifierPool({"answer": TurnsCorrect()}, 1)
    await pool.start()
    try:
        await pool.expect(["answer"])
        assert {verdict.outcome for verdict in await pool.judge([CASE] * SOUND_CASES)} == {Outcome.CORRECT}
        with pytest.raises(VerifierDrift):
            await pool.prove()
        with pytest.raises(VerifierDrift):
            await pool.judge([CASE])
        assert pool.pids == []
    finally:
        await pool.close()


async def test_a_process_is_probed_again_after_so_many_cases() -> None:
    pool = VerifierPool({"answer": TurnsCorrect()}, 1)
    await pool.start()
    try:
        await pool.expect(["answer"])
        with pytest.raises(VerifierDrift):
            await pool.judge([CASE] * (CASES_BETWEEN + 100))
    finally:
        await pool.close()


OWN = {
    "answer": "math",
    "choice": "choice",
    "procedural": "logic",
    **dict.fromkeys(["stdio", "asserts", "check"], "code"),
}


@pytest.mark.parametrize("kind", PROBES)
async def test_our_own_verifiers_pass_every_probe(kind: str) -> None:
    if kind == "procedural":
        pytest.importorskip("reasoning_gym")
    host = VerifierHost(HostSpec(OWN), processes=1)
    await host.start()
    try:
        await host.expect([probe.reference for probe in PROBES[kind]])
        await host.prove()
    finally:
        await host.close()


def test_each_kind_has_right_and_wrong_probes() -> None:
    for kind, probes in PROBES.items():
        assert {probe.kind for probe in probes} == {kind}
        assert {probe.right for probe in probes} == {True, False}
        assert len([probe for probe in probes if probe.right]) > 1
