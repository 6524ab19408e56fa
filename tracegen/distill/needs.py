"""What training needs that a plain installation lacks."""

from tracegen.engines.models import require

INSTALL = "pip install accelerate 'datasets>=4' torch 'transformers>=5' 'trl>=1.16,<2'"


def require_trainer() -> None:
    """Raises MissingDependency, before anything heavy is imported."""
    for package in ("torch", "transformers", "datasets", "trl"):
        require(package, "training", INSTALL)
