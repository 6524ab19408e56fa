"""The modules by themselves: their form, their rules, what they plan on a mock of AWS. No server, no account."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.infra.terraform import EXAMPLE, MODULES, ROOT, initialised

pytestmark = [pytest.mark.infra, pytest.mark.timeout(300)]

FOLDERS = [*MODULES, EXAMPLE]


def test_format(infra: Path) -> None:
    done = subprocess.run(
        ["terraform", "fmt", "-check", "-diff", "-recursive", "infra"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_valid_and_as_planned(infra: Path, folder: Path) -> None:
    terraform = initialised(infra / folder)
    terraform.run("validate")
    said = terraform.run("test").stdout
    assert re.search(r"Success! [1-9]\d* passed, 0 failed", said), said


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_rule_is_met_by_a_bad_value(folder: Path) -> None:
    variables = re.findall(r'^variable "(\w+)" \{(.*?)^\}', _text(folder, "*.tf"), re.DOTALL | re.MULTILINE)
    ruled = {name for name, body in variables if "validation {" in body}
    refused = re.findall(r"expect_failures = \[var\.(\w+)\]", _text(folder, "tests/*.tftest.hcl"))
    assert ruled
    assert ruled == set(refused)


def _text(folder: Path, pattern: str) -> str:
    return "\n".join(path.read_text() for path in sorted((ROOT / "infra" / folder).glob(pattern)))
