"""What the commands ask of the rest of tracegen, in one place. Each import waits until its command runs."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tracegen.protocols import Crew
from tracegen.runtime.progress import RunSummary, Snapshot

if TYPE_CHECKING:
    from tracegen.browse import Browsing
    from tracegen.browse.human import Exported as ExportedNotes
    from tracegen.browse.notes import Note
    from tracegen.cli.lint import Form
    from tracegen.corpus_differences import CorpusDifference
    from tracegen.differences import Difference
    from tracegen.planning.estimate import Estimate
    from tracegen.preparation import Report
    from tracegen.quarantine import Kept
    from tracegen.recipe_file import Loaded
    from tracegen.rejudging import Rejudged, Rejudging
    from tracegen.students import Student
    from tracegen.training.export import Exported
    from tracegen.training.lint import Linted

OnProgress = Callable[[Snapshot], None]


@dataclass(frozen=True, slots=True)
class Table:
    """What a query answered."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Built:
    """A corpus that was built from a ledger."""

    corpus_path: str
    rows: int
    unjudged: int = 0
    """Attempts that the verdict set says nothing about."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of the traces of a file."""

    rows: int
    outcomes: Mapping[str, int]
    reasons: Mapping[str, int]
    """Counted over ``outcome/reason``."""


class Services(Protocol):
    """The library as the commands see it."""

    def load(self, path: Path, overrides: Sequence[str]) -> "Loaded":
        """A recipe file, with ``a.b=c`` laid over it. Raises RecipeError."""

    def execute(
        self, loaded: "Loaded", store_uri: str, *, run_id: str | None, build: bool, on_progress: OnProgress
    ) -> RunSummary:
        """Begin or resume a run, and see it to its end."""

    def plan(self, loaded: "Loaded", store_uri: str, *, pilot: int, draws: int, on_progress: OnProgress) -> "Estimate":
        """What a recipe's run will take; a pilot of so many prompts measures first, in a run of its own."""

    def prompts(self, loaded: "Loaded", evidence: Path | None) -> "Report":
        """What a recipe's sources come to; what is left out is written to a file where one is given."""

    def runs(self, store_uri: str) -> Sequence[str]:
        """Run ids in the store, newest first."""

    def has_run(self, store_uri: str, run_id: str) -> bool:
        """Whether there is a run of exactly that id, without looking at the others."""

    def status(self, store_uri: str, run_id: str) -> Snapshot:
        """Where a run stands; no driver needs to be at work."""

    def build(self, store_uri: str, run_id: str, verdict_set: str, *, processes: int | None = None) -> Built:
        """The corpus, from the ledger alone; by the run's own verdicts where no set is named."""

    def query(self, store_uri: str, run_id: str, sql: str, verdict_set: str) -> Table:
        """One SQL statement over a run's corpus and ledger; by the corpus's verdicts where no set is named."""

    def query_corpus(self, corpus_uri: str, sql: str) -> Table:
        """One SQL statement over a corpus's folder."""

    def corpus_uri(self, store_uri: str, run_id: str, version: str) -> str:
        """The folder of a run's corpus, by its version or the beginning of one."""

    def compare_corpora(self, a_uri: str, b_uri: str, *, sample: int) -> "CorpusDifference":
        """What tells two corpora apart."""

    def judge(self, in_path: Path, out_path: Path, processes: int, recipe: Path | None = None) -> Judged:
        """Verdicts for traces that anybody made, by a recipe's verifiers and judge where one is given."""

    def rejudge(self, asked: "Rejudging") -> "Rejudged":
        """A new verdict set for a run's completions."""

    def compare_sets(self, store_uri: str, run_id: str, sets: tuple[str, str], *, sample: int) -> "Difference":
        """What changed between two verdict sets of a run."""

    def compare_files(self, files: tuple[Path, Path], *, sample: int) -> "Difference":
        """What changed between two files of judged rows."""

    def quarantined(self, store_uri: str, run_id: str) -> "Sequence[Kept]":
        """Attempts that were given up."""

    def requeue(self, store_uri: str, run_id: str, attempt_ids: Collection[str] | None) -> "Sequence[Kept]":
        """Take attempts out of quarantine; None for all."""

    def corpus(self, store_uri: str, run_id: str) -> str:
        """Where a run's newest corpus is. Raises UserError before the first build."""

    def browse(self, asked: "Browsing", ready: Callable[[str], None]) -> None:
        """Serve a run or a corpus to a browser until stopped; ``ready`` is told the URL."""

    def is_loopback(self, host: str) -> bool:
        """Whether a server at that address can be reached from this machine alone."""

    def notes(self, store_uri: str, run_id: str) -> "Mapping[str, Note]":
        """What people noted on a run's rows."""

    def export_notes(self, store_uri: str, run_id: str) -> "ExportedNotes":
        """The notes as a verdict set."""

    def students(self) -> "Sequence[Student]":
        """The students that corpora are made for."""

    def lint(self, place: str, form: "Form", sample: int | None) -> "Linted":
        """The rows at a place, as trainers will see them."""

    def export(self, place: str, trainer: str, student: str, out: Path, *, copy: bool) -> "Exported":
        """Rows as a trainer reads them, and the configuration to start from."""


class Library:
    """The services as tracegen provides them."""

    def __init__(self, crew: Crew | None = None) -> None:
        """``crew``: who makes the files of a corpus; processes of this machine where None."""
        self._crew = crew

    def load(self, path: Path, overrides: Sequence[str]) -> "Loaded":
        from tracegen.recipe_file import load_recipe

        return load_recipe(str(path), overrides)

    def execute(
        self, loaded: "Loaded", store_uri: str, *, run_id: str | None, build: bool, on_progress: OnProgress
    ) -> RunSummary:
        from tracegen.order import Order
        from tracegen.run import run

        return run(Order(loaded, store_uri, run_id=run_id or "", build=build), on_progress)

    def plan(self, loaded: "Loaded", store_uri: str, *, pilot: int, draws: int, on_progress: OnProgress) -> "Estimate":
        from tracegen.planning.plan import Asked, plan

        return plan(Asked(loaded, draws, pilot, store_uri), on_progress)

    def prompts(self, loaded: "Loaded", evidence: Path | None) -> "Report":
        from tracegen.preparation import report

        return report(loaded, evidence)

    def runs(self, store_uri: str) -> Sequence[str]:
        from tracegen.runs import runs

        return runs(store_uri)

    def has_run(self, store_uri: str, run_id: str) -> bool:
        from tracegen.runs import has_run

        return has_run(store_uri, run_id)

    def status(self, store_uri: str, run_id: str) -> Snapshot:
        from tracegen.runs import status

        return status(store_uri, run_id)

    def build(self, store_uri: str, run_id: str, verdict_set: str, *, processes: int | None = None) -> Built:
        from tracegen.runs import build_corpus

        built = build_corpus(store_uri, run_id, verdict_set, self._crew, processes=processes)
        return Built(built.path, built.rows, sum(one.unjudged for one in built.manifest.domains.values()))

    def query(self, store_uri: str, run_id: str, sql: str, verdict_set: str) -> Table:
        from tracegen.catalog import query

        answer = query(store_uri, run_id, sql, verdict_set)
        return Table(answer.columns, answer.rows)

    def query_corpus(self, corpus_uri: str, sql: str) -> Table:
        from tracegen.catalog import ask, open_corpora

        with open_corpora({"corpus": corpus_uri}) as connection:
            answer = ask(connection, sql)
        return Table(answer.columns, answer.rows)

    def corpus_uri(self, store_uri: str, run_id: str, version: str) -> str:
        from tracegen.catalog import corpus_uri

        return corpus_uri(store_uri, run_id, version)

    def compare_corpora(self, a_uri: str, b_uri: str, *, sample: int) -> "CorpusDifference":
        from tracegen.corpus_differences import between

        return between(a_uri, b_uri, sample=sample)

    def judge(self, in_path: Path, out_path: Path, processes: int, recipe: Path | None = None) -> Judged:
        from tracegen.judging import judge_file
        from tracegen.order import judges_of
        from tracegen.runtime.stopping import until_stopped

        verifiers, judge = judges_of(self.load(recipe, ()).recipe) if recipe else (None, None)
        judged = until_stopped(judge_file(in_path, out_path, verifiers, processes, judge=judge))
        return Judged(judged.rows, judged.outcomes, judged.reasons)

    def rejudge(self, asked: "Rejudging") -> "Rejudged":
        from tracegen.rejudging import rejudge
        from tracegen.runtime.stopping import until_stopped

        return until_stopped(rejudge(asked))

    def compare_sets(self, store_uri: str, run_id: str, sets: tuple[str, str], *, sample: int) -> "Difference":
        from tracegen.differences import of_sets

        return of_sets(store_uri, run_id, sets, sample=sample)

    def compare_files(self, files: tuple[Path, Path], *, sample: int) -> "Difference":
        from tracegen.differences import of_files

        return of_files(files, sample=sample)

    def quarantined(self, store_uri: str, run_id: str) -> "Sequence[Kept]":
        from tracegen.quarantine import listed

        return listed(store_uri, run_id)

    def requeue(self, store_uri: str, run_id: str, attempt_ids: Collection[str] | None) -> "Sequence[Kept]":
        from tracegen.quarantine import requeued

        return requeued(store_uri, run_id, attempt_ids)

    def corpus(self, store_uri: str, run_id: str) -> str:
        from tracegen.runs import newest_corpus_path

        return newest_corpus_path(store_uri, run_id)

    def browse(self, asked: "Browsing", ready: Callable[[str], None]) -> None:
        from tracegen.browse import browse

        browse(asked, ready)

    def is_loopback(self, host: str) -> bool:
        from tracegen.browse import is_loopback

        return is_loopback(host)

    def notes(self, store_uri: str, run_id: str) -> "Mapping[str, Note]":
        from tracegen.browse.human import notes_of

        return notes_of(store_uri, run_id)

    def export_notes(self, store_uri: str, run_id: str) -> "ExportedNotes":
        from tracegen.browse.human import export_notes

        return export_notes(store_uri, run_id)

    def students(self) -> "Sequence[Student]":
        from tracegen.students import students

        return students()

    def lint(self, place: str, form: "Form", sample: int | None) -> "Linted":
        from tracegen.students import load_student
        from tracegen.training.dataset import open_dataset
        from tracegen.training.lint import Linting, lint
        from tracegen.training.tokens import load_renderer
        from tracegen.training.trainers import trainer

        student = load_student(form.student)
        trainers = tuple(map(trainer, form.trainers))
        dataset = open_dataset(place)
        renderer = load_renderer(student, form.tokenizer, form.template)
        limit = form.max_length or student.context
        return lint(Linting(dataset, student, renderer, limit, trainers, sample))

    def export(self, place: str, trainer: str, student: str, out: Path, *, copy: bool) -> "Exported":
        from tracegen.students import load_student
        from tracegen.training.dataset import open_dataset
        from tracegen.training.export import export
        from tracegen.training.trainers import trainer as named

        return export(open_dataset(place), named(trainer), load_student(student), out, copy=copy)
