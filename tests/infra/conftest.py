"""One account, one applied cluster for all tests that look at it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

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
    return initialised(infra / EXAMPLE, aws.env)


@pytest.fixture(scope="package")
def cluster(root: Terraform) -> Terraform:
    """The example applied: one R1 replica at most."""
    root.run("apply", "-auto-approve", "-parallelism=20", "-var-file=r1.tfvars")
    return root
