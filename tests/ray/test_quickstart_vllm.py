"""The quickstart's own recipe with another engine: vLLM's CPU build in a Ray actor, as `make run` would have it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.vllm
@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.timeout(420)
def test_the_quickstart_accepts_traces_on_vllm(tmp_path: Path) -> None:
    command = [
        *(sys.executable, "-m", "tracegen", "run", "jobs/recipes/quickstart.yaml", "--engine", "vllm", "--json"),
        *("--store", str(tmp_path), "--set", "prompts.0.size=8", "--set", "prompts.1.size=8"),
    ]
    ended = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=400, env={**os.environ, "RAY_AUTH_MODE": "disabled"}
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    summary = json.loads(ended.stdout)
    accepted = {domain["domain"]: domain["accepted"] for domain in summary["snapshot"]["domains"]}
    assert sum(accepted.values()) == summary["rows"] >= 4, accepted
