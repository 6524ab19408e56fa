"""Bytes a row: the raw text, our files, our files with other layouts, and what pyarrow writes by default; one run.

::

    python benchmarks/corpus/bytes.py FILE... [--rows 20000] [--text FILE.jsonl ...]

``FILE``: Parquet files of a corpus; their first rows are written again in each layout, to a temporary folder. For each
layout: bytes a row, seconds to write, and what DuckDB asks of an HTTP server for six usual queries, in bytes and
requests (it needs the package duckdb-extension-httpfs). ``--text``: JSON Lines with text of people; all of it, each
piece once, in rows of about 18.5 KB, takes the place of the traces in a second table. Prints one JSON document.
"""

import argparse
import importlib.util
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.corpus.counting_server import serving
from tracegen.corpus.schema import MESSAGES, READINGS, SAMPLE
from tracegen.corpus.writing import OPTIONS, to_parquet

ROW_GROUP_BYTES = 18 * 1024**2
ROW_BYTES = 18_500
QUERIES = {
    "count by domain": "SELECT domain, count(*) FROM t GROUP BY ALL",
    "length histogram": "SELECT completion_tokens // 1024, count(*) FROM t GROUP BY ALL",
    "acceptance by source": "SELECT source, avg(pass_rate), count(*) FROM t GROUP BY ALL",
    "five rows by id": "SELECT * FROM t WHERE id IN ({ids})",
    "substring": "SELECT count(*) FROM t WHERE contains(messages[2].content, '= 4242')",
    "twenty longest": "SELECT id, completion_tokens FROM t ORDER BY completion_tokens DESC LIMIT 20",
}

Write = Callable[[pa.Table, Path], None]


def main(arguments: Sequence[str]) -> int:
    given = _parse(arguments)
    table = _head(given.files, given.rows)
    report = {"corpus": compare(table)}
    if given.text:
        report["text of people"] = compare(with_text(table, "\n\n".join(_texts(given.text))))
    print(json.dumps(report, indent=2))
    return 0


def compare(table: pa.Table) -> dict[str, Any]:
    raw = sum(len(turn["content"].encode()) for row in table["messages"].to_pylist() for turn in row)
    layouts: dict[str, tuple[pa.Table, Write]] = {
        "ours": (table, ours),
        "ours, text between narrow columns": (table.select(_text_in_between()), _with(OPTIONS)),
        "ours, without page index": (table, _with({**OPTIONS, "write_page_index": False})),
        "ours, three copies of the text": (_with_copies(table), _with(OPTIONS)),
        "pyarrow's defaults": (table, pq.write_table),
        "pyarrow's defaults, three copies": (_with_copies(table), pq.write_table),
    }
    return {
        "rows": table.num_rows,
        "raw_text_bytes_per_row": round(raw / table.num_rows),
        "layouts": {name: _measured(*layout, raw) for name, layout in layouts.items()},
    }


def _text_in_between() -> list[str]:
    names = [name for name in SAMPLE.names if name != "messages"]
    return [*names[:6], "messages", *names[6:]]


def ours(table: pa.Table, path: Path) -> None:
    path.write_bytes(to_parquet(table.to_pylist(), ROW_GROUP_BYTES))


def _with(options: dict[str, Any]) -> Write:
    def write(table: pa.Table, path: Path) -> None:
        rows = max(1, ROW_GROUP_BYTES * table.num_rows // max(1, table["messages"].nbytes))
        names = table.schema.names
        sorting = [pq.SortingColumn(names.index("id"))]
        statistics = [name for name in options["write_statistics"] if name in names]
        chosen = {**options, "sorting_columns": sorting, "write_statistics": statistics}
        pq.write_table(table, path, row_group_size=rows, **chosen)

    return write


def _measured(table: pa.Table, write: Write, raw: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="bytes-") as folder:
        path = Path(folder) / "t.parquet"
        started_s = time.perf_counter()
        write(table, path)
        wall_s = time.perf_counter() - started_s
        size = path.stat().st_size
        metadata = pq.read_metadata(path)
        return {
            "bytes_per_row": round(size / table.num_rows),
            "raw_text_over_stored": round(raw / size, 2),
            "row_groups": metadata.num_row_groups,
            "write_s": round(wall_s, 2),
            "duckdb_reads": _reads(path),
        }


def _reads(path: Path) -> dict[str, str]:
    found = {}
    ids = ", ".join(f"'{one}'" for one in pq.read_table(path, columns=["id"])["id"].to_pylist()[7::4001][:5])
    with serving(path.parent) as (uri, asked):
        for name, sql in QUERIES.items():
            with duckdb.connect(config={"threads": 2}) as connection:
                connection.execute(f"LOAD '{packaged_httpfs()}'")
                connection.execute(f"CREATE VIEW t AS SELECT * FROM '{uri}/{path.name}'")
                asked.clear()
                connection.execute(sql.format(ids=ids)).fetchall()
                found[name] = f"{sum(asked) / 1e6:.2f} MB in {len(asked)} requests"
    return found


def packaged_httpfs() -> Path:
    [root] = importlib.util.find_spec("duckdb_extension_httpfs").submodule_search_locations
    return Path(root, "extensions", f"v{duckdb.__version__}", "httpfs.duckdb_extension")


def _head(files: Sequence[Path], rows: int) -> pa.Table:
    tables, held = [], 0
    for file in files:
        if held < rows:
            tables.append(pq.read_table(file, schema=SAMPLE))
            held += tables[-1].num_rows
    return pa.concat_tables(tables).slice(0, rows).combine_chunks()


def _with_copies(samples: pa.Table) -> pa.Table:
    """With prompt, response and reasoning as columns, as tracegen/sample/1 had them."""
    readings = ", ".join(f"{sql} AS {name}" for name, sql in READINGS.items())
    copies = duckdb.sql(f"SELECT {readings} FROM samples").to_arrow_table()
    for name in READINGS:
        samples = samples.append_column(name, copies[name].cast(pa.large_string()))
    return samples


def with_text(table: pa.Table, text: str) -> pa.Table:
    """The first rows of a table, each with a piece of the text as its reasoning."""
    pieces = [text[start : start + ROW_BYTES] for start in range(0, len(text) - ROW_BYTES, ROW_BYTES)]
    table = table.slice(0, len(pieces))
    turns = [
        [row[0], {"role": "assistant", "content": f"<think>\n{piece}\n</think>\n\n{answer}"}]
        for row, piece, answer in zip(table["messages"].to_pylist(), pieces, table["answer"].to_pylist(), strict=False)
    ]
    return table.set_column(
        table.schema.get_field_index("messages"), SAMPLE.field("messages"), pa.array(turns, MESSAGES)
    )


def _texts(files: Sequence[Path]) -> Iterator[str]:
    seen = set()
    for file in files:
        for line in filter(None, file.read_text(encoding="utf-8").split("\n")):
            for value in json.loads(line).values():
                if isinstance(value, str) and len(value) > 40 and value not in seen:
                    seen.add(value)
                    yield value


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Bytes a row, by layout.")
    parser.add_argument("files", type=Path, nargs="+", help="Parquet files of a corpus")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--text", type=Path, nargs="*", default=[], help="JSON Lines with text of people")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
