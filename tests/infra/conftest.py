"""One account, one cluster in it, for all tests that look at it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.infra.account import nodes
from tests.infra.terraform import EXAMPLE, Terraform, copied, initialised
from tests.servers.moto import MotoServer, moto_server

VALUES = """
name               = "tgtest"
region             = "us-east-1"
availability_zone  = "us-east-1a"
monthly_budget_usd = 500
budget_emails      = ["somebody@example.org"]
# moto knows no Deep Learning AMIs.
teacher_image_id = "ami-0123456789abcdef0"
"""
SIZE = """
teacher_instance_type = "p5en.48xlarge"
teacher_replicas      = 2
verifier_max_nodes    = 2
"""


@pytest.fixture(scope="session")
def infra(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of ``infra/``."""
    return copied(tmp_path_factory.mktemp("terraform"))


@pytest.fixture(scope="package")
def aws(infra: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MotoServer]:
    """An empty account."""
    with moto_server(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture(scope="package")
def root(infra: Path, aws: MotoServer) -> Terraform:
    """The example, pointed at the double; nothing applied."""
    (infra / EXAMPLE / "terraform.tfvars").write_text(VALUES)
    (infra / EXAMPLE / "test.tfvars").write_text(SIZE)
    return initialised(infra / EXAMPLE, aws.env)


@pytest.fixture(scope="module")
def cluster(root: Terraform, aws: MotoServer) -> Terraform:
    """The example applied, by `tracegen cluster up`: once for all, and again where a test has ended it."""
    if not root.made:
        up = root.tracegen("up", "--yes", "--var-file", str(root.folder / "test.tfvars"))
        assert up.returncode == 0, up.stderr[-3000:]
        outputs = root.outputs()
        assert f"with every node up it costs {outputs['max_hourly_cost_usd']:,.2f} USD an hour" in up.stderr
        assert f"corpus_uri        {outputs['corpus_uri']}" in up.stdout
        assert list(nodes(aws).values()) == ["head"]
    return root
