"""`tracegen cluster` where nothing can be done: each in one line, before anything is made."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tracegen.cloud.instances import Instances
from tracegen.cloud.terraform import first_error
from tracegen.errors import CloudError, UserError

ROOT = Path(__file__).parents[2]


def said(folder: Path, *arguments: str, **env: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "tracegen", "cluster", *arguments, "--dir", str(folder)]
    around = {**os.environ, "PYTHONPATH": str(ROOT), **env}
    ended = subprocess.run(command, env=around, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert not ended.stdout
    return ended.returncode, ended.stderr.strip()


@pytest.fixture
def programs(tmp_path: Path) -> str:
    """A PATH with a `terraform` that refuses everything."""
    program = tmp_path / "bin" / "terraform"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\nprintf '╷\\n│ Error: No configuration\\n│\\n│ It is not there.\\n╵\\n' >&2\nexit 1\n"
    )
    program.chmod(0o755)
    return f"{program.parent}:/usr/bin:/bin"


@pytest.fixture
def described(tmp_path: Path) -> Path:
    folder = tmp_path / "cluster"
    folder.mkdir()
    (folder / "main.tf").touch()
    return folder


@pytest.mark.parametrize("command", [("up", "--yes"), ("status",), ("tunnel",), ("down", "--yes")])
def test_without_terraform(described: Path, command: tuple[str, ...]) -> None:
    line = "error: terraform is not installed; see developer.hashicorp.com/terraform/install"
    assert said(described, *command, PATH="/nowhere") == (2, line)


def test_without_a_configuration(tmp_path: Path, programs: str) -> None:
    line = f"error: no Terraform configuration in {tmp_path}; name its folder with --dir"
    assert said(tmp_path, "up", PATH=programs) == (2, line)


def test_without_the_file_of_variables(described: Path, programs: str) -> None:
    line = f"error: no such file of variables: r1.tfvars; not here, and not in {described}"
    assert said(described, "up", "--var-file", "r1.tfvars", PATH=programs) == (2, line)


def test_a_size_by_its_name_alone(described: Path, programs: str) -> None:
    (described / "r1.tfvars").touch()
    code, line = said(described, "up", "--var-file", "r1.tfvars", PATH=programs, TMPDIR=str(described))
    assert (code, line.startswith("error: terraform init in ")) == (1, True)


def test_what_terraform_refuses(described: Path, programs: str) -> None:
    code, line = said(described, "status", PATH=programs, TMPDIR=str(described))
    (log,) = described.glob("tracegen-terraform-*.log")
    told = f"error: terraform init in {described}: No configuration: It is not there.; all that it said: {log}"
    assert (code, line) == (1, told)
    assert "│ It is not there." in log.read_text()


def test_nothing_is_ended_before_somebody_says_yes(described: Path, programs: str) -> None:
    assert said(described, "down", PATH=programs) == (2, "error: nobody is here to say yes; give --yes")


def ec2(monkeypatch: pytest.MonkeyPatch, **keys: str) -> Any:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    once = Config(retries={"total_max_attempts": 1}, connect_timeout=2)
    return boto3.session.Session().client(
        "ec2", region_name="us-east-1", endpoint_url="http://127.0.0.1:9", config=once, **keys
    )


def test_without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"^no AWS credentials; aws sso login, or set AWS_PROFILE"):
        Instances(ec2(monkeypatch), "demo").alive()


def test_an_aws_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    client = ec2(monkeypatch, aws_access_key_id="a", aws_secret_access_key="b")
    with pytest.raises(CloudError, match=r"^its instances cannot be listed: Could not connect to the endpoint URL"):
        Instances(client, "demo").alive()


def test_an_error_of_terraform_in_one_line() -> None:
    text = """
╷
│ Error: Invalid value for variable
│
│   on main.tf line 7:
│   7:   name = var.name
│     ├────────────────
│     │ var.name is "tg"
│
│ The name is too long.
╵
╷
│ Error: Another
╵
"""
    said = 'Invalid value for variable: on main.tf line 7: 7: name = var.name: var.name is "tg": The name is too long.'
    assert first_error(text) == said
    assert first_error("\n") == "it failed and said nothing"
