"""The columns of a sample: one row of the SFT corpus. How rows come about is ``build.py``.

The text of a trace is stored once, in ``messages`` (docs/decisions/0017). Narrow columns lie side by side, so
that a query that needs no text fetches those of a row group in one piece (docs/benchmarks/corpus.md).
"""

import pyarrow as pa

from tracegen.columns import Column, arrow_schema

CORPUS_SCHEMA = "tracegen/sample/2"

MESSAGE = pa.struct(
    [pa.field("role", pa.string(), nullable=False), pa.field("content", pa.large_string(), nullable=False)]
)
MESSAGES = pa.list_(pa.field("element", MESSAGE, nullable=False))

COLUMNS = (
    Column("id", pa.string(), "attempt id: prompt_id, a dot, attempt_index; files are sorted by it"),
    Column("prompt_id", pa.string(), "32 hex digits of a hash over domain and problem"),
    Column("domain", pa.string(), "math, code, stem, logic or general"),
    Column("source", pa.string(), "name of the prompt source in the recipe"),
    Column("source_row", pa.string(), "where in the source: the row's own id, or its number from 1"),
    Column("licence", pa.string(), "licence of the prompt source"),
    Column("verifier", pa.string(), "name and version of the verifier"),
    Column("verdict_set", pa.string(), "the verdict set that accepted it"),
    Column("verdict_reason", pa.string(), "why it was accepted, as a short code"),
    Column("finish_reason", pa.string(), "why the engine stopped: stop, length or abort"),
    Column("prompt_tokens", pa.int64(), "tokens of the chat that was sent, by the engine's count"),
    Column("completion_tokens", pa.int64(), "tokens generated, by the engine's count"),
    Column("thinking", pa.bool_(), "false: the source asked for no reasoning, and the think block is empty"),
    Column("attempt_index", pa.int64(), "which of the prompt's attempts this is, from 0"),
    Column("attempts", pa.int64(), "attempts made at the prompt"),
    Column("pass_rate", pa.float64(), "correct ÷ decided over the prompt's attempts: 1 is easy"),
    Column("teacher", pa.string(), "model that wrote the trace"),
    Column("teacher_revision", pa.string(), "the model's revision"),
    Column("engine", pa.string(), "software that ran the model"),
    Column("engine_version", pa.string(), "its version"),
    Column("temperature", pa.float64(), "sampling temperature in effect"),
    Column("top_p", pa.float64(), "nucleus sampling in effect"),
    Column("max_tokens", pa.int64(), "token limit in effect"),
    Column("seed", pa.int64(), "sampling seed of the attempt"),
    Column("run_id", pa.string(), "the run that made it"),
    Column("recipe_digest", pa.string(), "SHA-256 of what decides the corpus"),
    Column("tracegen_version", pa.string(), "version of tracegen that built the corpus"),
    Column("reference_answer", pa.large_string(), "the reference's answer as text; empty where it has none"),
    Column("answer", pa.large_string(), "what follows the think tags: the end of the assistant turn"),
    Column("user_turn", pa.large_string(), "the user turn: problem and the teacher's instruction, no worked examples"),
    Column("reference", pa.large_string(), "what the answer was judged against, as JSON with a 'kind'"),
    Column("messages", MESSAGES, "user turn, and assistant turn: <think>, reasoning, </think>, blank line, answer"),
)
SAMPLE = arrow_schema(COLUMNS)

REPETITIVE = (
    *("domain", "source", "licence", "verifier", "verdict_set", "verdict_reason", "finish_reason", "attempts"),
    *("teacher", "teacher_revision", "engine", "engine_version", "temperature", "top_p", "max_tokens"),
    *("attempt_index", "pass_rate", "run_id", "recipe_digest", "tracegen_version", "messages.list.element.role"),
)
"""Columns that are worth a dictionary: few values."""

MEASURED = tuple(column.name for column in COLUMNS if column.type not in (pa.large_string(), MESSAGES))
"""Columns that get minima and maxima: all but long text, where they would only cost."""

READINGS = {
    "prompt": "user_turn",
    "response": "messages[2].content",
    "reasoning": "CASE WHEN starts_with(messages[2].content, '<think>') "
    "THEN substr(split_part(messages[2].content, chr(10) || '</think>', 1), 9) ELSE '' END",
}
"""What a sample says beyond its columns, as DuckDB reads it from them: views have these, files do not."""
