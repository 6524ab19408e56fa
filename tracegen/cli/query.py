"""`tracegen query`: a statement or the name of one, put to a run or to a corpus alone, and its answer printed."""

import csv
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tracegen.cli.failures import stopping_cleanly
from tracegen.cli.inspect import print_table
from tracegen.cli.runs import chosen
from tracegen.cli.services import Services, Table
from tracegen.cli.summary import as_json
from tracegen.cli.terminal import stdout
from tracegen.errors import UserError

Form = Literal["table", "csv", "json"]

_NAME = re.compile(r"[\w-]+")
"""No SQL of one word asks for anything."""


def form_of(*, csv: bool, json: bool) -> Form:
    """What the options ask for. Raises UserError for both at once."""
    if csv and json:
        raise UserError("--csv and --json at once", hint="give one of them")
    return "csv" if csv else "json" if json else "table"


@dataclass(frozen=True, slots=True)
class Asked:
    """The arguments of ``tracegen query`` as they were given."""

    words: str | None
    """SQL, or a query's name."""
    sql: str | None = None
    limit: int | None = None
    verdict_set: str = ""
    corpus: str | None = None
    """Folder or version of a corpus, in place of the whole run."""

    def statement(self) -> str:
        """What DuckDB is asked. Raises UserError."""
        if self.words is not None and self.sql is not None:
            raise UserError("a statement twice", hint="give a NAME, or SQL, or --sql SQL")
        if self.words is not None and _NAME.fullmatch(self.words):
            from tracegen.catalog import named_query

            return named_query(self.words).sql(self.limit)
        if self.limit is not None:
            raise UserError("--limit is for named queries", hint="write LIMIT into the SQL")
        return self.sql or self.words or ""


def show_query(services: Services, store: str, run: str | None, asked: Asked, *, form: Form) -> None:
    """Ask, and print the answer."""
    sql = asked.statement()
    with stopping_cleanly("stopped"):
        if asked.corpus is None:
            answer = services.query(store, chosen(services, store, run), sql, asked.verdict_set)
        elif asked.verdict_set:
            raise UserError("--set does not go with --corpus", hint="a corpus was built by one verdict set")
        else:
            answer = services.query_corpus(corpus_folder(services, store, run, asked.corpus), sql)
    print_answer(answer, form)


def corpus_folder(services: Services, store: str, run: str | None, named: str) -> str:
    """A corpus by its folder, or by its version in a run."""
    if "/" in named or Path(named).is_dir():
        return named
    return services.corpus_uri(store, chosen(services, store, run), named)


def show_list(form: Form) -> None:
    """The named queries, and what each answers."""
    from tracegen.catalog import named_queries

    print_answer(Table(("name", "answers"), [(one.name, one.about) for one in named_queries()]), form)


def show_sql(name: str, limit: int | None) -> None:
    """The SQL of a named query, to copy."""
    from tracegen.catalog import named_query

    stdout().print(named_query(name).sql(limit), markup=False, soft_wrap=True)


def print_answer(answer: Table, form: Form) -> None:
    """In the form that was asked for."""
    if form == "json":
        as_json(stdout(), [dict(zip(answer.columns, row, strict=True)) for row in answer.rows])
    elif form == "csv":
        rows = csv.writer(sys.stdout, lineterminator="\n")
        rows.writerows([answer.columns, *answer.rows])
    else:
        print_table(stdout(), answer)
