"""The example of infra/terraform, in a folder of its own, at moto instead of AWS. Real Terraform, with its real provider."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.servers.moto import MotoServer
from tracegen.cloud.instances import TYPE_TAG

ROOT = Path(__file__).parents[2]
SHARES = (Path("/opt"), Path("/usr/local/share/terraform"), Path.home() / ".terraform.d")
IMAGE = "ami-12c6146b"
"""One that moto knows."""
AT_MOTO = """
provider "aws" {
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
}
"""
VALUES: Mapping[str, object] = {
    "name": "try",
    "region": "us-east-1",
    "availability_zone": "us-east-1a",
    "teacher_instance_type": "p5en.48xlarge",
    "teacher_replicas": 2,
    "verifier_max_nodes": 2,
    "image_id": IMAGE,
    "teacher_image_id": IMAGE,
    "monthly_budget_usd": 1000,
    "budget_emails": ["nobody@example.com"],
}


def missing() -> str:
    """Why nothing can be applied here; empty where it can."""
    if shutil.which("terraform") is None:
        return "terraform is not installed"
    return "" if _mirror() else "no AWS provider for terraform on this machine"


def _mirror() -> Path | None:
    """A folder that holds the provider, as `terraform providers mirror` lays it out."""
    found = [path.parents[2] for share in SHARES for path in share.glob("*/registry.terraform.io/hashicorp/aws")]
    return found[0] if found else None


@dataclass(frozen=True)
class Example:
    """A copy of the example's folder."""

    folder: Path
    server: MotoServer
    env: Mapping[str, str]

    @classmethod
    def copied(cls, to: Path, server: MotoServer) -> "Example":
        shutil.copytree(ROOT / "infra", to / "infra", ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
        folder = to / "infra/terraform/examples/cluster"
        (folder / "override.tf").write_text(AT_MOTO)
        (folder / "terraform.tfvars.json").write_text(json.dumps(VALUES))
        config = to / "terraform.rc"
        config.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{_mirror()}"\n  }}\n}}\n')
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
        env = {**kept, **server.env, "TF_CLI_CONFIG_FILE": str(config), "PYTHONPATH": str(ROOT)}
        return cls(folder, server, env)

    def tracegen(self, *arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "tracegen", "cluster", *arguments, "--dir", str(self.folder)]
        # From elsewhere: the command line must not need a checkout of its own.
        return subprocess.run(
            command, cwd=self.folder.parents[3], env={**self.env, **env}, text=True, capture_output=True, timeout=300
        )

    def output(self, name: str) -> Any:
        command = ["terraform", f"-chdir={self.folder}", "output", "-json", name]
        done = subprocess.run(command, env=dict(self.env), capture_output=True, text=True, timeout=60, check=True)
        return json.loads(done.stdout)

    def autoscaler(self) -> dict[str, Any]:
        """What Ray's autoscaler is configured with."""
        return dict(yaml.safe_load(self.output("autoscaler_config")))

    def instances(self) -> list[Any]:
        """What runs; as EC2 has it, not as we do."""
        states = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
        groups = self.server.client("ec2").describe_instances(Filters=states)["Reservations"]
        return [one for group in groups for one in group["Instances"]]

    def nodes(self) -> dict[str, str]:
        """Ray's types of the instances that run, by id."""
        return {one["InstanceId"]: tag(one, TYPE_TAG) for one in self.instances()}


def tag(instance: Any, name: str) -> str:
    return next((str(one["Value"]) for one in instance["Tags"] if one["Key"] == name), "")
