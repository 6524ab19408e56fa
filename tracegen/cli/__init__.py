"""The command line: reads arguments, calls the library, shows what comes back. It decides nothing about a run."""

from tracegen.cli.app import main

__all__ = ["main"]
