"""Fine-tuning of a student on a corpus with TRL. The story is told in ``jobs/distill.py``."""
