"""The corpus: how fast it is built, and what it takes on disk."""
