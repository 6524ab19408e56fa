"""Verified reasoning traces for distillation. See docs/architecture.md."""

__version__ = "0.1.0"
