"""What the measurements here share on their way out: the command, one table, a JSON file. Measures nothing."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

Row = Mapping[str, object]


def parser(doc: str | None) -> argparse.ArgumentParser:
    """A command line with ``--json``; its description is the module's first line."""
    made = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    made.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    return made


def show(module: str, rows: Sequence[Row], notes: Sequence[str], json_path: Path | None) -> None:
    """Print the command that was run, the rows as one table, and the notes."""
    command = f"python -m {module} {' '.join(sys.argv[1:])}".strip()
    print(f"$ {command}\n")
    for line in table(rows):
        print(line)
    for note in notes:
        print(f"\n{note}", end="")
    print()
    if json_path:
        document = {"command": command, "rows": list(rows), "notes": list(notes)}
        json_path.write_text(json.dumps(document, indent=2, default=str) + "\n", encoding="utf-8")


def table(rows: Sequence[Row]) -> list[str]:
    """A Markdown table, columns in the order of the first row."""
    names = list(rows[0])
    cells = [[shown(row.get(name)) for name in names] for row in rows]
    widths = [max(map(len, column)) for column in zip(names, *cells, strict=True)]
    lines = [names, ["-" * width for width in widths], *cells]
    return [
        "| " + " | ".join(f"{cell:>{width}}" for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]


def shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
