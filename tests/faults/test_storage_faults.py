"""A whole run on a store that breaks every tenth request: errors, conflicts, slow and broken reads, lost answers."""

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.reading import run_store, settled
from tests.servers.proxy import GET_FAULTS, PUT_FAULTS, faulty_proxy
from tests.servers.seaweed import S3Server
from tracegen.ledger.settle import open_shards
from tracegen.order import Order
from tracegen.recipe_file import load_recipe
from tracegen.run import run

pytestmark = [pytest.mark.faults, pytest.mark.s3, pytest.mark.slow]

PROMPTS = 60


def test_a_run_on_a_store_with_bad_moments(
    tmp_path: Path, s3_server: S3Server, s3_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [json.dumps({"prompt": f"p {n}", "answer": str(n)}) for n in range(PROMPTS)]
    (tmp_path / "p.jsonl").write_text("\n".join(rows))
    log = tmp_path / "requests.jsonl"
    simulated = {"tokens_per_s": 3000, "lengths": {"median": 300}}
    recipe = {
        "name": "storage",
        "prompts": [{"kind": "jsonl", "name": "p", "domain": "math", "path": "p.jsonl"}],
        "teacher": {"engine": "simulated", "model": "sim", "prefill": "<think>\n", "engines": {"simulated": simulated}},
        "rejection": {"keep": 1, "max_attempts": 3},
        "prompts_per_shard": 6,
        "where": {
            "cluster": "local", "slots": 4, "journal_linger_s": 0.02,
            "engines": {"simulated": {"request_log": str(log)}},
        },
    }  # fmt: skip
    (tmp_path / "recipe.yaml").write_text(json.dumps(recipe))
    with faulty_proxy(s3_server.endpoint, share=0.1, seed=7) as proxy:
        for name, value in {**s3_server.env, "AWS_ENDPOINT_URL": proxy.endpoint}.items():
            monkeypatch.setenv(name, value)
        summary = run(Order(load_recipe(str(tmp_path / "recipe.yaml"), []), s3_uri), lambda _: None)
        met = {name.partition(" ")[2] for name, number in proxy.broken.items() if number}
        assert met >= {*PUT_FAULTS, *GET_FAULTS}, (proxy.passed, proxy.broken)
    store = run_store(s3_uri, summary.run_id, s3_server.env)
    attempts = Counter(row.attempt_id for row in settled(store))
    requests = [json.loads(line)["attempt_id"] for line in log.read_text().splitlines()]
    asked = Counter(attempt_id for attempt_id in requests if not attempt_id.startswith("canary"))
    assert attempts.total() == len(attempts)
    assert attempts == asked, "every attempt was asked for once, and is there once"
    assert len({attempt.partition(".")[0] for attempt in attempts}) == PROMPTS
    assert not open_shards(store)
    assert summary.rows == sum(domain.accepted for domain in summary.snapshot.domains)
