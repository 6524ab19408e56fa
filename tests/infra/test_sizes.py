"""The sizes that are shipped can be planned, and cost what docs/cluster.md says."""

import json
from pathlib import Path

import pytest

from tests.infra.terraform import ROOT, Terraform

pytestmark = [pytest.mark.infra, pytest.mark.timeout(120)]

BLOCK = "-var=capacity_reservation_id=cr-0123456789abcdef0"


@pytest.mark.parametrize(
    ("size", "usd", "more"), [("r1", 66.60, []), ("r1-two-nodes", 113.38, [BLOCK]), ("small", 10.88, [])]
)
def test_a_size(root: Terraform, tmp_path: Path, size: str, usd: float, more: list[str]) -> None:
    root.run("plan", f"-var-file={size}.tfvars", f"-out={tmp_path / 'plan'}", *more)
    plan = json.loads(root.run("show", "-json", str(tmp_path / "plan")).stdout)
    cost = plan["planned_values"]["outputs"]["max_hourly_cost_usd"]["value"]
    assert cost == pytest.approx(usd, abs=0.005)
    assert f"| {size} | " in (ROOT / "docs/cluster.md").read_text()
    assert f"| {usd:.2f} |" in (ROOT / "docs/cluster.md").read_text()
