"""How to call us again: what a person has to type, from where they are, to reach this very installation. Pure."""

import os
import shlex
import shutil
import sys
from pathlib import Path

DEFAULT_STORE = "./runs"


def our_name() -> str:
    """The command as this process was started: see :func:`typed`."""
    return typed(sys.argv[0], sys.executable, os.environ.get("PATH", ""), Path.cwd())


def our_python() -> str:
    """How to start the interpreter that we run on: see :func:`typed_python`."""
    return typed_python(sys.executable, os.environ.get("PATH", ""), Path.cwd())


def typed(argv0: str, executable: str, path: str, cwd: Path) -> str:
    """``tracegen`` where the shell finds this one under that name; else a path to it, or ``python -m tracegen``."""
    started = Path(argv0)
    if started.stem == "tracegen":
        return "tracegen" if _found(started.name, path) == _absolute(started, cwd) else _shown(started, cwd)
    if started.name == "__main__.py":
        return f"{typed_python(executable, path, cwd)} -m tracegen"
    return "tracegen"


def typed_python(executable: str, path: str, cwd: Path) -> str:
    """``python`` where the shell finds this interpreter under that name, else a path to it."""
    python = Path(executable)
    return "python" if _found("python", path) == _absolute(python, cwd) else _shown(python, cwd)


def store_option(store_uri: str) -> list[str]:
    """``--store URI``, unless it is the default."""
    return [] if _same(store_uri, DEFAULT_STORE) else ["--store", shlex.quote(store_uri)]


def _same(one: str, other: str) -> bool:
    if "://" in one:
        return False
    return _absolute(Path(one), Path.cwd()) == _absolute(Path(other), Path.cwd())


def _found(name: str, path: str) -> Path | None:
    found = shutil.which(name, path=path)
    return _absolute(Path(found), Path.cwd()) if found else None


def _absolute(path: Path, cwd: Path) -> Path:
    # Not resolved: in a virtual environment `python` is a link to an interpreter that lacks our packages.
    return Path(os.path.normpath(cwd / path))


def _shown(path: Path, cwd: Path) -> str:
    absolute = _absolute(path, cwd)
    return shlex.quote(str(absolute.relative_to(cwd) if absolute.is_relative_to(cwd) else absolute))
