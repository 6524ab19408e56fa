"""A generative judge for what no rule has settled. See ``panel.py`` for its protocol and docs/judge.md for its limits."""

from tracegen.verify.judge.panel import VERSION, Appeal, JudgeSpec, Panel
from tracegen.verify.judge.rubric import RubricVerifier

__all__ = ["VERSION", "Appeal", "JudgeSpec", "Panel", "RubricVerifier"]
