"""DuckDB over a run, over a corpus, and over files that were judged. Views and questions; it writes nothing."""

from tracegen.catalog.connection import Answer, Connection, ask
from tracegen.catalog.named import NamedQuery, named_queries, named_query
from tracegen.catalog.views import corpus_uri, newest_corpus, open_catalog, open_corpora, open_files, query

__all__ = [
    "Answer",
    "Connection",
    "NamedQuery",
    "ask",
    "corpus_uri",
    "named_queries",
    "named_query",
    "newest_corpus",
    "open_catalog",
    "open_corpora",
    "open_files",
    "query",
]
