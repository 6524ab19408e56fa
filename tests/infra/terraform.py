"""Terraform on a copy of ``infra/``, with the provider that is on this machine; and `tracegen cluster` on the same copy."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
EXAMPLE = Path("terraform/examples/cluster")
MODULES = [Path("terraform/modules") / name for name in ("network", "storage", "cluster")]
MIRRORS = ("/opt/*", "/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins", "~/.terraform.d/plugins")
"""Folders in which a provider may lie, besides the one that TF_PLUGIN_MIRROR names."""
FASTER = "-parallelism=30"
"""What Terraform does here is waiting."""
QUIET = {
    "TF_IN_AUTOMATION": "1",
    "TF_INPUT": "0",
    "TF_CLI_ARGS": "-no-color",
    **{f"TF_CLI_ARGS_{command}": FASTER for command in ("plan", "apply", "destroy")},
}


@dataclass(frozen=True)
class Terraform:
    """One root module, initialised."""

    folder: Path
    env: Mapping[str, str]

    def run(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> "subprocess.CompletedProcess[str]":
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

    def tracegen(self, *arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
        """From elsewhere: the command line must not need a checkout of its own."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder.parent,
            env={**self.env, **env},
            text=True,
            capture_output=True,
            timeout=300,
        )

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "tracegen", "cluster", *arguments, "--dir", str(self.folder)]

    @property
    def state(self) -> Mapping[str, Any]:
        path = self.folder / "terraform.tfstate"
        return dict(json.loads(path.read_text())) if path.exists() else {}

    @property
    def made(self) -> bool:
        return bool(self.state.get("resources"))

    def outputs(self) -> dict[str, Any]:
        return {name: one["value"] for name, one in self.state["outputs"].items()}

    def autoscaler(self) -> dict[str, Any]:
        """What Ray's autoscaler is configured with."""
        return dict(yaml.safe_load(self.outputs()["autoscaler_config"]))

    def copied(self, to: Path) -> "Terraform":
        """The same, of which nothing is made."""
        folder = shutil.copytree(self.folder.parents[2], to / "infra", symlinks=True) / EXAMPLE
        for path in folder.glob("*.tfstate*"):
            path.unlink()
        return Terraform(folder, self.env)


def copied(folder: Path) -> Path:
    """A copy to work in: Terraform writes beside its sources."""
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed")
    ignored = shutil.ignore_patterns(".terraform*", "*.tfstate*")
    return Path(shutil.copytree(ROOT / "infra", folder / "infra", ignore=ignored))


def initialised(folder: Path, env: Mapping[str, str] | None = None) -> Terraform:
    """Ready to plan. Skips where the provider is neither here nor to be had."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
    mirror = _mirror()
    terraform = Terraform(folder, {**kept, **(env or {}), **QUIET, **_plugins(folder, mirror), "PYTHONPATH": str(ROOT)})
    done = terraform.run("init", codes=(0, 1))
    if done.returncode:
        assert mirror is None, done.stderr
        pytest.skip(f"Terraform's AWS provider is not on this machine: {done.stderr.strip()[:200]}")
    return terraform


def _plugins(folder: Path, mirror: Path | None) -> dict[str, str]:
    """Where every `init` in this folder finds them, ours too."""
    if mirror is None:
        return {}
    config = folder / "test.tfrc"
    config.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n')
    return {"TF_CLI_CONFIG_FILE": str(config)}


def _mirror() -> Path | None:
    named = os.environ.get("TF_PLUGIN_MIRROR")
    patterns = [named] if named else [str(Path(one).expanduser()) for one in MIRRORS]
    for pattern in patterns:
        for found in Path("/").glob(f"{pattern.lstrip('/')}/registry.terraform.io/hashicorp/aws"):
            return found.parents[2]
    return None
