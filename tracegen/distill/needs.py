"""What training needs that a plain installation lacks."""

from tracegen.engines.models import require

INSTALL = "pip install 'tracegen[train]'"


def require_trainer() -> None:
    """Raises MissingDependency, before anything heavy is imported."""
    for package in ("torch", "transformers", "datasets", "trl"):
        require(package, "training", INSTALL)
