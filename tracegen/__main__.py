"""``python -m tracegen`` is the command line."""

from tracegen.cli import main

main()
