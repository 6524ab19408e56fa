"""Six usual queries over a whole corpus: milliseconds and peak memory of each, beside decompression, in one run.

::

    python benchmarks/corpus/queries.py CORPUS [--store URI --run RUN] [--cold] [--out FILE.json]

``CORPUS``: a corpus's folder. Each query has a process of its own, with ``--threads`` DuckDB threads; it is asked once,
then ``--times`` times more, of which the median counts. Forms: ``glob`` (plain DuckDB over the files), ``views`` (ours;
over the run where ``--store`` and ``--run`` name it, else over the corpus alone). ``--cold`` also asks each once after
the files were put out of the page cache. Floors: the column with the traces, decompressed by pyarrow and by DuckDB, and
nothing done with it. Prints a table, and JSON to ``--out``.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from glob import escape, glob
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

QUERIES = {
    "count by domain": "SELECT domain, count(*) FROM {rows} GROUP BY ALL",
    "length histogram": "SELECT completion_tokens // 1024, count(*) FROM {rows} GROUP BY ALL",
    "acceptance by source": "SELECT source, count(*), avg(pass_rate), avg(attempts) FROM {rows} GROUP BY ALL",
    "twenty longest": "SELECT id, domain, completion_tokens FROM {rows} ORDER BY completion_tokens DESC LIMIT 20",
    "five rows by id": "SELECT id, domain, {response} FROM {rows} WHERE id IN ({ids})",
    "substring": "SELECT count(*) FROM {rows} WHERE contains({response}, '= 4242')",
    "floor: DuckDB decompresses": "SELECT sum(strlen({response})) FROM {rows}",
}
PYARROW = "floor: pyarrow decompresses"
FORMS = ("glob", "views")


def main(arguments: Sequence[str]) -> int:
    given = _parse(arguments)
    if given.one:
        print(json.dumps(_one(given)))
        return 0
    files = _files(given.corpus)
    report: dict[str, Any] = {
        "duckdb": duckdb.__version__,
        "threads": given.threads,
        "load_before": os.getloadavg()[0],
        **_size(files),
        "queries": [],
    }
    for query in QUERIES:
        report["queries"].append({"query": query, **{form: _apart(given, query, form) for form in FORMS}})
    report["queries"].append({"query": PYARROW, "glob": _apart(given, PYARROW, "glob")})
    report["load_after"] = os.getloadavg()[0]
    print(table(report))
    if given.out:
        given.out.write_text(json.dumps(report, indent=2) + "\n")
    return 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--store", default="")
    parser.add_argument("--run", default="")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--one", nargs=2, metavar=("QUERY", "FORM"), help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _files(corpus: Path) -> list[str]:
    return sorted(glob(f"{escape(str(corpus))}/train-*.parquet"))


def _size(files: Sequence[str]) -> dict[str, int]:
    """Of the corpus, from its footers."""
    found = [pq.ParquetFile(file).metadata for file in files]
    groups = [one.row_group(number) for one in found for number in range(one.num_row_groups)]
    columns = [group.column(place) for group in groups for place in range(group.num_columns)]
    path = _trace_column(files)[1]
    return {
        "files": len(files),
        "rows": sum(one.num_rows for one in found),
        "row_groups": len(groups),
        "bytes": sum(map(os.path.getsize, files)),
        "footer_bytes": sum(one.serialized_size for one in found),
        "trace_bytes": sum(one.total_uncompressed_size for one in columns if one.path_in_schema == path),
        "trace_bytes_stored": sum(one.total_compressed_size for one in columns if one.path_in_schema == path),
    }


def _trace_column(files: Sequence[str]) -> tuple[str, str, str]:
    """The column that holds the traces: its name, its path in a file, and how SQL reads the assistant turn."""
    if "response" in pq.ParquetFile(files[0]).schema_arrow.names:
        return "response", "response", "response"
    return "messages", "messages.list.element.content", "messages[2].content"


# --- one query, in a process of its own --------------------------------------------------------------------------------


def _apart(given: argparse.Namespace, query: str, form: str) -> dict[str, Any]:
    """What that process says."""
    place = [str(given.corpus), "--store", given.store, "--run", given.run, "--threads", str(given.threads)]
    command = [sys.executable, __file__, *place, "--times", str(given.times), "--one", query, form]
    root = str(Path(__file__).parents[2])

    def ask(*more: str) -> dict[str, Any]:
        done = subprocess.run([*command, *more], env={**os.environ, "PYTHONPATH": root}, check=True, stdout=-1)
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    return {**ask(), **({"cold_ms": ask("--cold")["first_ms"]} if given.cold else {})}


def _one(given: argparse.Namespace) -> dict[str, Any]:
    query, form = given.one
    files = _files(given.corpus)
    ask = _pyarrow(files, given.threads) if query == PYARROW else _duckdb(given, files, QUERIES[query], form)
    if given.cold:
        for file in files:
            _forget(file)
        return {"first_ms": _timed(ask)}
    first = _timed(ask)
    again = [_timed(ask) for _ in range(given.times)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {"first_ms": first, "median_ms": statistics.median(again), "all_ms": again, "peak_mb": peak}


def _timed(ask: Callable[[], object]) -> float:
    began = time.perf_counter()
    ask()
    return round(1000 * (time.perf_counter() - began), 1)


def _duckdb(given: argparse.Namespace, files: Sequence[str], query: str, form: str) -> Callable[[], object]:
    """What is timed: the statement and its answer. Making the connection and its views is not."""
    if form == "glob":
        connection = duckdb.connect(config={"threads": given.threads})
        pattern = f"{escape(str(given.corpus))}/train-*.parquet"
        rows, response = f"read_parquet('{pattern}')", _trace_column(files)[2]
    else:
        connection, rows, response = _views(given), "corpus", "response"
    sql = query.format(rows=rows, response=response, ids=", ".join(f"'{name}'" for name in _ids(files)))
    return lambda: connection.execute(sql).fetchall()


def _views(given: argparse.Namespace) -> duckdb.DuckDBPyConnection:
    from tracegen.catalog import open_catalog, open_corpora

    if given.run:
        return open_catalog(given.store, given.run, threads=given.threads)
    return open_corpora({"corpus": str(given.corpus)}, threads=given.threads)


def _ids(files: Sequence[str]) -> list[str]:
    """Five ids from all over the corpus; that of a row in the middle of a file's first row group."""
    chosen = [files[len(files) * n // 5] for n in range(5)]
    names = (pq.ParquetFile(file).read_row_group(0, columns=["id"])["id"].to_pylist() for file in chosen)
    return [group[len(group) // 2] for group in names]


def _pyarrow(files: Sequence[str], threads: int) -> Callable[[], object]:
    column = _trace_column(files)[0]

    def read(file: str) -> int:
        parquet = pq.ParquetFile(file)
        groups = range(parquet.num_row_groups)
        return sum(parquet.read_row_group(n, columns=[column], use_threads=False).num_rows for n in groups)

    def ask() -> int:
        with ThreadPoolExecutor(threads) as pool:
            return sum(pool.map(read, files))

    pa.set_memory_pool(
        pa.jemalloc_memory_pool() if "jemalloc" in pa.supported_memory_backends() else pa.system_memory_pool()
    )
    return ask


def _forget(file: str) -> None:
    """Out of the page cache with it, where nobody else has it mapped."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fdatasync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


# --- for people ----------------------------------------------------------------------------------------------------------


def table(report: dict[str, Any]) -> str:
    """The report as Markdown."""
    size = ("files", "rows", "row_groups", "bytes", "footer_bytes", "trace_bytes", "trace_bytes_stored")
    lines = [
        f"DuckDB {report['duckdb']}, {report['threads']} threads, load {report['load_before']:.1f} before and "
        f"{report['load_after']:.1f} after; " + ", ".join(f"{name} {report[name]:,}" for name in size),
        "",
        "| ms | glob, first | glob, median | views, first | views, median | cold, glob / views | peak MB |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in report["queries"]:
        found = [row.get(form, {}) for form in FORMS]
        cells = [_ms(one.get(name)) for one in found for name in ("first_ms", "median_ms")]
        cold = " / ".join(_ms(one.get("cold_ms")) for one in found)
        peak = max(one.get("peak_mb", 0) for one in found)
        lines.append(f"| {row['query']} | {' | '.join(cells)} | {cold} | {peak:,} |")
    return "\n".join(lines)


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
