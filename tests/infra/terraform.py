"""Terraform on a copy of ``infra/``, with the provider that is on this machine."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = Path("terraform/examples/cluster")
MODULES = [Path("terraform/modules") / name for name in ("network", "storage", "cluster")]
MIRRORS = ("/opt/*", "/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins", "~/.terraform.d/plugins")
"""Folders in which a provider may lie, besides the one that TF_PLUGIN_MIRROR names."""


@dataclass(frozen=True)
class Terraform:
    """One root module, initialised."""

    folder: Path
    env: Mapping[str, str]

    def run(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
        """One command; its exit code is one of ``codes``, or the test fails with all that was said."""
        done = subprocess.run(
            ["terraform", *arguments],
            cwd=self.folder,
            env=dict(self.env),
            capture_output=True,
            text=True,
            timeout=300,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode in codes, f"terraform {arguments[0]}: {done.stdout[-6000:]}\n{done.stderr[-6000:]}"
        return done

    def outputs(self) -> dict[str, Any]:
        return {name: one["value"] for name, one in json.loads(self.run("output", "-json").stdout).items()}


def copied(folder: Path) -> Path:
    """A copy to work in: Terraform writes beside its sources."""
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed")
    ignored = shutil.ignore_patterns(".terraform*", "*.tfstate*")
    return Path(shutil.copytree(ROOT / "infra", folder / "infra", ignore=ignored))


def initialised(folder: Path, env: Mapping[str, str] | None = None) -> Terraform:
    """Ready to plan. Skips where the provider is neither here nor to be had."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
    quiet = {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "TF_CLI_ARGS": "-no-color"}
    terraform = Terraform(folder, {**kept, **(env or {}), **quiet})
    mirror = _mirror()
    done = terraform.run("init", *([f"-plugin-dir={mirror}"] if mirror else []), codes=(0, 1))
    if done.returncode:
        assert mirror is None, done.stderr
        pytest.skip(f"Terraform's AWS provider is not on this machine: {done.stderr.strip()[:200]}")
    return terraform


def _mirror() -> Path | None:
    named = os.environ.get("TF_PLUGIN_MIRROR")
    patterns = [named] if named else [str(Path(one).expanduser()) for one in MIRRORS]
    for pattern in patterns:
        for found in Path("/").glob(f"{pattern.lstrip('/')}/registry.terraform.io/hashicorp/aws"):
            return found.parents[2]
    return None
