"""A notice that a node will be taken away: its replica takes nothing new, finishes what it can, gives the rest back."""

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.faults.reading import run_store, settled
from tracegen.order import Order
from tracegen.recipe_file import load_recipe
from tracegen.run import run
from tracegen.runtime.notices import NOTICE_S, FileNotice
from tracegen.runtime.progress import Snapshot

NOTICE = 1.5


def test_a_file_says_when(tmp_path: Path) -> None:
    file = tmp_path / "notice"
    now_s = time.time()
    notice = FileNotice(str(file), lambda: now_s)
    assert notice() is None
    file.write_text(str(now_s + 30))
    assert notice() == pytest.approx(30)
    file.write_text("")
    assert notice() == pytest.approx(NOTICE_S, abs=5)
    file.write_text(str(now_s - 1))
    assert notice() is None


@pytest.mark.faults
def test_a_replica_is_drained(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text("\n".join(json.dumps({"prompt": f"p {n}", "answer": str(n)}) for n in range(12)))
    notice, log, done = tmp_path / "notice", tmp_path / "requests.jsonl", tmp_path / "done.jsonl"
    simulated = {"lengths": {"median": 600, "sigma": 1.0}, "tokens_per_s": 600, "pass_rate": {"constant": 1.0}}
    recipe = {
        "name": "spot",
        "prompts": [{"kind": "jsonl", "name": "p", "domain": "math", "path": "p.jsonl"}],
        "teacher": {"engine": "simulated", "model": "sim", "prefill": "<think>\n", "engines": {"simulated": simulated}},
        "rejection": {"keep": 1, "max_attempts": 1},
        "where": {
            "cluster": "local", "slots": 6, "notice_file": str(notice), "min_free_bytes": 0, "journal_linger_s": 0.05,
            "engines": {"simulated": {"request_log": str(log), "completion_log": str(done)}},
        },
    }  # fmt: skip
    (tmp_path / "recipe.yaml").write_text(json.dumps(recipe))
    loaded = load_recipe(str(tmp_path / "recipe.yaml"), [])
    written: list[float] = []
    states: set[str] = set()

    def on_progress(snapshot: Snapshot) -> None:
        states.update(replica.state for replica in snapshot.replicas)
        if snapshot.in_flight and not written:
            written.append(time.time())
            notice.write_text(str(written[0] + NOTICE))

    summary = run(Order(loaded, str(tmp_path / "store")), on_progress)
    assert summary.rows == 12
    assert len(settled(run_store(str(tmp_path / "store"), summary.run_id, {}))) == 12
    asked, ended = _of_attempts(log), _of_attempts(done)
    # An exchange in which the notice was not seen yet may still take leases.
    heeded_s = written[0] + 0.7
    assert not [line for line in asked if heeded_s < line["at_s"] < written[0] + NOTICE]
    made = Counter(line["attempt_id"] for line in ended)
    assert made.total() == 12, "nothing that was finished in time is asked for again"
    assert {"draining", "left"} & states
    assert not summary.snapshot.domains[0].quarantined


def _of_attempts(log: Path) -> list[dict[str, Any]]:
    """Without the canary's own questions."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [line for line in lines if not line["attempt_id"].startswith("canary")]
