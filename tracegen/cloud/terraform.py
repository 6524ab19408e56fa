"""Terraform in one folder, as a program: `init`, `plan`, `apply`, `show`, `destroy`. It knows nothing of what they make.

What Terraform prints on its way goes to standard error, for whoever waits; its errors get our name, one line, and the
place of all that it said. Ctrl-C is handed on, and waited for: a Terraform that is killed forgets what it has just made.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tracegen.errors import CloudError, MissingDependency, UserError

_BOX = re.compile(r"^[│╷╵ ]+(├─+$)?")
STDERR = 2
QUIET = ("-input=false", "-no-color")


@dataclass(frozen=True, slots=True)
class Terraform:
    """A folder with a configuration. Raises CloudError for what Terraform refuses."""

    folder: Path
    var_files: tuple[Path, ...] = ()

    def check(self) -> None:
        """Raises UserError where there is no Terraform, no configuration, or no such file of variables."""
        if shutil.which("terraform") is None:
            raise MissingDependency("terraform is not installed", hint="see developer.hashicorp.com/terraform/install")
        if not any(self.folder.glob("*.tf")):
            raise UserError(f"no Terraform configuration in {self.folder}", hint="name its folder with --dir")
        for path in self.var_files:
            if not self._found(path).is_file():
                raise UserError(f"no such file of variables: {path}", hint=f"not here, and not in {self.folder}")

    @property
    def initialised(self) -> bool:
        return (self.folder / os.environ.get("TF_DATA_DIR", ".terraform")).is_dir()

    def init(self) -> None:
        self._run("init", *QUIET)

    def plan(self, path: Path) -> Mapping[str, Any]:
        """Write a plan to a file; what it will do, as `terraform show -json` has it."""
        self._run("plan", *QUIET, f"-out={path}", *self._variables())
        return self._json("show", "-json", str(path))

    def apply(self, plan: Path) -> None:
        self._run("apply", *QUIET, str(plan))

    def state(self) -> Mapping[str, Any]:
        """Outputs and resources; empty where nothing was made."""
        values: Mapping[str, Any] = self._json("show", "-json").get("values", {})
        return values

    def destroy(self, targets: Sequence[str] = ()) -> None:
        """Everything, or these modules and what rests on them."""
        self._run("destroy", *QUIET, "-auto-approve", *self._variables(), *(f"-target={name}" for name in targets))

    def _variables(self) -> list[str]:
        return [f"-var-file={self._found(path).absolute()}" for path in self.var_files]

    def _found(self, path: Path) -> Path:
        """Named from here, or else from the folder, where the sizes lie."""
        return path if path.is_file() else self.folder / path

    def _json(self, *arguments: str) -> Mapping[str, Any]:
        with tempfile.TemporaryFile("w+") as said:
            self._call(arguments, said)
            said.seek(0)
            found: Mapping[str, Any] = json.loads(said.read() or "{}")
        return found

    def _run(self, *arguments: str) -> None:
        self._call(arguments, STDERR)

    def _call(self, arguments: Sequence[str], stdout: "int | IO[str]") -> None:
        with tempfile.NamedTemporaryFile("w+", prefix="tracegen-terraform-", suffix=".log", delete=False) as log:
            process = subprocess.Popen(  # noqa: S603
                ["terraform", f"-chdir={self.folder}", *arguments],  # noqa: S607
                stdout=stdout,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "TF_IN_AUTOMATION": "1"},
                process_group=0,
            )
            ended = _waited_for(process)
            log.seek(0)
            said = log.read()
        if ended:
            place = f"all that it said: {log.name}"
            raise CloudError(f"terraform {arguments[0]} in {self.folder}: {first_error(said)}", hint=place)
        Path(log.name).unlink(missing_ok=True)


def _waited_for(process: "subprocess.Popen[bytes]") -> int:
    """Its exit code. Each Ctrl-C is handed on: at the first Terraform ends what is under way and writes its state."""
    pressed = None
    while process.returncode is None:
        try:
            process.wait()
        except KeyboardInterrupt as error:
            pressed = error
            process.send_signal(signal.SIGINT)
    if pressed:
        raise pressed
    return process.returncode


def first_error(text: str) -> str:
    """The first error of Terraform's, with what it says about it, on one line."""
    lines = [_BOX.sub("", line).rstrip() for line in text.splitlines()]
    _, error, rest = "\n".join(lines).partition("Error: ")
    if not error:
        return next(filter(None, lines), "it failed and said nothing")
    paragraphs = [" ".join(part.split()) for part in rest.partition("Error: ")[0].split("\n\n")]
    return ": ".join(filter(None, paragraphs))[:600].rstrip()
