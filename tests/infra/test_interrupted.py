"""Ctrl-C in the middle of `tracegen cluster up`, with a real Terraform that makes nothing but entries of its state."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.processes import until
from tests.infra.terraform import ROOT

pytestmark = [
    pytest.mark.infra,
    pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed"),
]

SLOW = """
resource "terraform_data" "slow" {
  provisioner "local-exec" {
    command = "touch begun; sleep 2"
  }
}

resource "terraform_data" "never" {
  depends_on = [terraform_data.slow]
}
"""


def test_what_was_under_way_is_ended_and_known(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(SLOW)
    command = [sys.executable, "-m", "tracegen", "cluster", "up", "--yes", "--dir", str(tmp_path)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        until((tmp_path / "begun").exists, "terraform is at work", 60)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, said
    assert said.splitlines()[-1].startswith("stopped; Terraform's state has what there is: ")
    state = json.loads((tmp_path / "terraform.tfstate").read_text())
    assert [one["name"] for one in state["resources"]] == ["slow"]
    assert not list(tmp_path.glob(".terraform.tfstate.lock.info"))

    again = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert again.returncode == 0, again.stderr
    assert "Resources: 2 added, 0 changed, 1 destroyed" in again.stderr, "what was cut short is made anew"
