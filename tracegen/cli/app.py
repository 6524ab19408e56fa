"""The commands, as typer sees them. Each is a few lines: what it does is in the module of its name."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from tracegen import __version__
from tracegen.cli import cluster_app, options
from tracegen.cli.failures import told
from tracegen.cli.invocation import DEFAULT_STORE
from tracegen.cli.services import Library, Services

app = typer.Typer(
    name="tracegen",
    help="Makes verified reasoning traces for distillation.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(cluster_app.app, name="cluster")


def main(arguments: Sequence[str] | None = None, services: Services | None = None) -> NoReturn:
    """The way in. Exits: 0 done, 1 failed, 2 something to mend first, 3 another driver took over, 130 stopped."""
    if sys.platform == "linux":
        # Arrow's own choice, mimalloc, keeps what each thread has freed: some 250 MB with the threads of a recorder
        # (docs/benchmarks/rehearsal.md). Elsewhere Arrow may come without jemalloc, and would complain.
        os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "jemalloc")
    given = sys.argv[1:] if arguments is None else list(arguments)
    told(lambda: app(given, prog_name="tracegen", obj=services or Library()))


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tracegen {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[  # noqa: ARG001
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Also show what the parts of a run log.")] = False,
) -> None:
    """What holds for every command."""
    from tracegen.cli.terminal import show_logs

    show_logs(verbose=verbose)


@app.command()
def run(  # noqa: PLR0913
    context: typer.Context,
    recipe: options.RecipePath,
    store: options.StoreUri = DEFAULT_STORE,
    engine: options.Engine = None,
    cluster: options.Cluster = None,
    replicas: options.Replicas = None,
    run_id: options.RunId = None,
    sets: options.Sets = None,
    no_build: options.NoBuild = False,
    json: options.AsJson = False,
) -> None:
    """Generate, verify, keep what is right, and build the corpus. The same command again resumes."""
    from tracegen.cli.run import carry_out, show_end

    changes = options.overrides(engine, cluster, replicas, sets)
    summary = carry_out(context.obj, recipe, changes, store, run_id=run_id, build=not no_build)
    show_end(summary, json=json)


@app.command()
def plan(  # noqa: PLR0913
    context: typer.Context,
    recipe: options.RecipePath,
    pilot: Annotated[
        int, typer.Option("--pilot", min=0, metavar="N", help="First measure N real prompts, in a run of their own.")
    ] = 0,
    draws: Annotated[int, typer.Option("--draws", min=1, help="Runs to simulate; the interval is over them.")] = 8,
    store: options.StoreUri = DEFAULT_STORE,
    engine: options.Engine = None,
    cluster: options.Cluster = None,
    replicas: options.Replicas = None,
    sets: options.Sets = None,
    json: options.AsJson = False,
) -> None:
    """What a run will take: attempts, tokens, wall time, GPU-hours, dollars. Writes nothing, unless --pilot does."""
    from tracegen.cli.plan import show_plan

    changes = options.overrides(engine, cluster, replicas, sets)
    show_plan(context.obj, recipe, changes, store, pilot=pilot, draws=draws, json=json)


@app.command()
def prompts(
    context: typer.Context,
    recipe: options.RecipePath,
    evidence: Annotated[
        Path | None,
        typer.Option("--evidence", metavar="FILE", help="Write what is left out, and why: .parquet, .jsonl or .csv."),
    ] = None,
    examples: Annotated[int, typer.Option("--examples", min=0, metavar="N", help="Of each kind, to show.")] = 3,
    sets: options.Sets = None,
    json: options.AsJson = False,
) -> None:
    """Read and settle a recipe's prompts, and report: duplicates, benchmarks, references, licences. Spends nothing."""
    from tracegen.cli.prompts import show_prompts

    show_prompts(context.obj, recipe, sets or [], evidence, examples, json=json)


@app.command()
def status(
    context: typer.Context,
    run: options.RunArgument = None,
    store: options.StoreUri = DEFAULT_STORE,
    json: options.AsJson = False,
) -> None:
    """Where a run stands, from its ledger."""
    from tracegen.cli.inspect import show_status

    show_status(context.obj, store, run, json=json)


@app.command()
def build(
    context: typer.Context,
    run: options.RunArgument = None,
    store: options.StoreUri = DEFAULT_STORE,
    verdict_set: Annotated[
        str, typer.Option("--set", metavar="NAME", help="By this verdict set, which `judge --run` wrote.")
    ] = "",
    processes: Annotated[
        int | None, typer.Option("--processes", min=1, help="Instead of the recipe's where.build_processes.")
    ] = None,
    json: options.AsJson = False,
) -> None:
    """Build the corpus from a run's ledger; no teacher is asked. The same command again goes on."""
    from tracegen.cli.inspect import show_build

    show_build(context.obj, store, run, verdict_set, processes=processes, json=json)


@app.command()
def query(  # noqa: PLR0913
    context: typer.Context,
    words: Annotated[
        str | None, typer.Argument(metavar="[NAME|SQL]", help="A named query, or one DuckDB statement.")
    ] = None,
    sql: Annotated[str | None, typer.Option("--sql", metavar="SQL", help="A statement, said to be one.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="The named queries; so does no argument at all.")] = False,
    shown: Annotated[str | None, typer.Option("--show", metavar="NAME", help="Print the SQL of a named query.")] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="Rows of a named query that has a limit.")
    ] = None,
    verdict_set: Annotated[
        str, typer.Option("--set", metavar="NAME", help="Verdict set of the view judged; the corpus's if left out.")
    ] = "",
    corpus: Annotated[
        str | None,
        typer.Option("--corpus", metavar="FOLDER", help="Only a corpus: its folder, s3:// too, or a run's version."),
    ] = None,
    run: options.RunOption = None,
    store: options.StoreUri = DEFAULT_STORE,
    csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
    json: options.AsJson = False,
) -> None:
    """Ask DuckDB about a run: views corpus, prompts, left_out, completions, verdicts, judged, waste, suspects, run."""
    from tracegen.cli.query import Asked, form_of, show_list, show_query, show_sql

    asked, form = Asked(words, sql, limit, verdict_set, corpus), form_of(csv=csv, json=json)
    if shown is not None:
        show_sql(shown, limit)
    elif listed or (words is None and sql is None):
        show_list(form)
    else:
        show_query(context.obj, store, run, asked, form=form)


@app.command()
def browse(  # noqa: PLR0913
    context: typer.Context,
    named: Annotated[
        str | None,
        typer.Argument(metavar="[RUN|CORPUS]", help="A run's id or its beginning, or a corpus's folder, s3:// too."),
    ] = None,
    verdict_set: Annotated[
        str, typer.Option("--set", metavar="NAME", help="Verdicts to show; the corpus's if left out.")
    ] = "",
    host: Annotated[
        str, typer.Option("--host", help="Other machines can reach another one, with the token in the URL.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any that is free.")] = 8765,
    opens: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    store: options.StoreUri = DEFAULT_STORE,
    json: options.AsJson = False,
) -> None:
    """Read, search and mark traces in a browser: all attempts of a run, or the rows of a corpus."""
    from tracegen.cli.browse import browse as serve

    serve(context.obj, store, named, verdict_set, (host, port), opens=opens, json=json)


@app.command()
def notes(
    context: typer.Context,
    run: options.RunArgument = None,
    store: options.StoreUri = DEFAULT_STORE,
    export: Annotated[bool, typer.Option("--export", help="Write them as the verdict set `human`.")] = False,
    json: options.AsJson = False,
) -> None:
    """Marks and notes that people made in `browse`; as a verdict set, `diff-verdicts` compares them."""
    from tracegen.cli.browse import show_notes

    show_notes(context.obj, store, run, export=export, json=json)


@app.command()
def diff(  # noqa: PLR0913
    context: typer.Context,
    a: Annotated[str, typer.Argument(metavar="A", help="A corpus: its version in the run, or its folder, s3:// too.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    run: options.RunOption = None,
    store: options.StoreUri = DEFAULT_STORE,
    sample: Annotated[int, typer.Option("--sample", min=0, metavar="N", help="Rows to name of each kind.")] = 5,
    json: options.AsJson = False,
) -> None:
    """What tells two corpora apart: manifests, rows, mix, columns, with a sample of rows."""
    from tracegen.cli.diff import diff as show

    show(context.obj, store, run, (a, b), sample, json=json)


@app.command()
def judge(  # noqa: PLR0913
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="JSONL or Parquet rows: id, reference, response.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="The rows with outcome, reason and verifier.")
    ] = None,
    run: Annotated[
        str | None, typer.Option("--run", metavar="RUN", help="Instead of a FILE: every settled completion of a run.")
    ] = None,
    verdict_set: Annotated[
        str | None,
        typer.Option("--set", metavar="NAME", help="Verdict set to write; the verifiers' own name if left out."),
    ] = None,
    recipe: Annotated[
        Path | None,
        typer.Option("--recipe", metavar="RECIPE", help="Whose verifiers and judge judge; else the run's own."),
    ] = None,
    majority: Annotated[
        bool, typer.Option("--majority", help="Put prompts without a reference to the vote of their attempts.")
    ] = False,
    at_least: Annotated[
        int | None, typer.Option("--at-least", min=2, metavar="K", help="So many attempts must agree; 3 if left out.")
    ] = None,
    processes: Annotated[int | None, typer.Option("--processes", min=1, help="Killable verifier processes.")] = None,
    store: options.StoreUri = DEFAULT_STORE,
    json: options.AsJson = False,
) -> None:
    """Judge traces that anybody made, or all of a run's again; no teacher is asked."""
    from tracegen.cli.rejudge import Form
    from tracegen.cli.rejudge import judge as carry_out

    form = Form(file, out, run, verdict_set, recipe, majority, at_least, processes)
    carry_out(context.obj, store, form, json=json)


@app.command("diff-verdicts")
def diff_verdicts(  # noqa: PLR0913
    context: typer.Context,
    a: Annotated[str, typer.Argument(metavar="A", help="A verdict set of the run, or a file that `judge` wrote.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    run: options.RunOption = None,
    store: options.StoreUri = DEFAULT_STORE,
    sample: Annotated[int, typer.Option("--sample", min=0, metavar="N", help="Disagreements to show.")] = 5,
    json: options.AsJson = False,
) -> None:
    """What changed between two judgements of the same traces, with a sample of disagreements."""
    from tracegen.cli.rejudge import diff_verdicts as show

    show(context.obj, store, run, (a, b), sample, json=json)


@app.command()
def quarantine(
    context: typer.Context,
    run: options.RunArgument = None,
    store: options.StoreUri = DEFAULT_STORE,
    attempts: Annotated[
        list[str] | None, typer.Option("--requeue", metavar="ATTEMPT_ID", help="Have it tried again. Repeatable.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Have every one tried again.")] = False,
    json: options.AsJson = False,
) -> None:
    """Attempts that kept failing or kept killing replicas, with the evidence."""
    from tracegen.cli.quarantine import requeue, show_quarantine

    if attempts or everything:
        requeue(context.obj, store, run, None if everything else attempts, json=json)
    else:
        show_quarantine(context.obj, store, run, json=json)


@app.command()
def students(context: typer.Context, json: options.AsJson = False) -> None:
    """The six students of the published distillation, and the settings each is trained with."""
    from tracegen.cli.lint import show_students

    show_students(context.obj, json=json)


@app.command()
def lint(  # noqa: PLR0913
    context: typer.Context,
    place: options.Rows,
    student: options.Student,
    trainers: Annotated[
        list[str] | None,
        typer.Option("--for", metavar="TRAINER", help="As trl, llama-factory, axolotl, verl or nemo; else as all."),
    ] = None,
    tokenizer: Annotated[
        str, typer.Option("--tokenizer", metavar="PATH|HUB-ID", help="Instead of the published distill's.")
    ] = "",
    template: Annotated[
        str,
        typer.Option("--chat-template", metavar="FILE", help="Instead of the student's; `tokenizer`: its tokenizer's."),
    ] = "",
    max_length: Annotated[
        int | None, typer.Option("--max-length", min=1, metavar="TOKENS", help="Instead of the student's context.")
    ] = None,
    sample: Annotated[
        str, typer.Option("--sample", metavar="N|all", help="Rows to render; every row is read. 2000 if left out.")
    ] = "",
    store: options.StoreUri = DEFAULT_STORE,
    json: options.AsJson = False,
) -> None:
    """Look at rows as trainers will, and tell what would go wrong. Exits with 1 where something would."""
    from tracegen.cli.lint import Form, show_lint

    form = Form(place, student, tuple(trainers or ()), tokenizer, template, max_length, sample)
    show_lint(context.obj, store, form, json=json)


@app.command()
def export(  # noqa: PLR0913
    context: typer.Context,
    place: options.Rows,
    trainer: Annotated[
        str, typer.Option("--for", metavar="TRAINER", help="trl, llama-factory, axolotl, verl or nemo.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="A folder to make.")],
    student: options.Student = "qwen-7b",
    copy: Annotated[
        bool, typer.Option("--copy", help="Copy the rows for TRL too, which reads a corpus as it lies.")
    ] = False,
    store: options.StoreUri = DEFAULT_STORE,
    json: options.AsJson = False,
) -> None:
    """Write rows as a trainer reads them, with the configuration to start from. No row is cut or left out."""
    from tracegen.cli.export import show_export
    from tracegen.cli.lint import rows_at

    rows = rows_at(context.obj, store, place)
    show_export(context.obj, rows, (trainer, student), out, copy=copy, json=json)


@app.command()
def doctor(json: options.AsJson = False) -> None:
    """What this machine can run, and what to install for the rest."""
    from tracegen.cli.doctor import show_doctor

    show_doctor(json=json)
