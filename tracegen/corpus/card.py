"""The dataset card of a corpus, from its manifest and recipe. Pure; every number in it was counted over the rows."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

import yaml

from tracegen.corpus.manifest import CorpusManifest, Yield
from tracegen.recipe import Preparation, Recipe

HUB_LICENCES = {
    licence.lower()
    for licence in (
        "apache-2.0",
        "mit",
        "cc-by-4.0",
        "cc-by-sa-4.0",
        "cc-by-nc-4.0",
        "cc-by-nc-sa-4.0",
        "cc0-1.0",
        "odc-by",
    )
}
"""Licence names that the hub's card header knows; anything else is ``other`` there."""

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"), (10**7, "1M<n<10M"))


def card(manifest: CorpusManifest, recipe: Recipe) -> str:
    """README.md with the header that the hub and ``datasets`` read."""
    parts = (
        _title(manifest, recipe),
        _mix(manifest, recipe),
        _lengths(manifest),
        _acceptance(manifest),
        _making(manifest, recipe),
        _limits(manifest, recipe),
    )
    return f"---\n{_header(manifest, recipe)}---\n\n" + "\n".join(parts)


def _header(manifest: CorpusManifest, recipe: Recipe) -> str:
    licences = sorted(
        {manifest.licences[source].lower() for source, found in manifest.sources.items() if found.samples}
    )
    single = licences[0] if len(licences) == 1 and licences[0] in HUB_LICENCES else "other"
    header = {
        "pretty_name": recipe.name,
        "license": single,
        "task_categories": ["text-generation"],
        "tags": ["reasoning", "distillation", "synthetic", "tracegen"],
        "size_categories": [next((name for top, name in SIZES if manifest.rows < top), "n>10M")],
        "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": "train-*.parquet"}]}],
    }
    return yaml.safe_dump(header, sort_keys=False, allow_unicode=True)


def _title(manifest: CorpusManifest, recipe: Recipe) -> str:
    return (
        f"# {recipe.name}\n\n"
        f"{manifest.rows:,} reasoning traces, each accepted by a verifier: {manifest.completion_tokens:,} tokens in "
        f"{len(manifest.files)} Parquet file{'s' if len(manifest.files) != 1 else ''}.\n\n"
        "The assistant turn of `messages` is `<think>`, reasoning, `</think>`, a blank line, answer; it is the only "
        "place where a trace's text stands. `user_turn` and `answer` repeat the two short parts as plain text: DuckDB "
        "reads the assistant turn as `messages[2].content`. Files are sorted by `id`; since ids are hashes, that is a "
        "shuffle of domains and sources.\n"
    )


def _mix(manifest: CorpusManifest, recipe: Recipe) -> str:
    def row(name: str, one: Yield) -> Sequence[str]:
        return name, f"{one.samples:,}", _share(one.samples, manifest.rows), f"{one.completion_tokens:,}", _mean(one)

    sizes = ("samples", "share", "tokens", "tokens per sample")
    by_domain = [row(domain.value, one) for domain, one in manifest.domains.items()]
    parts = [_section("Mix", ("domain", *sizes), by_domain), *_against_quotas(manifest, recipe)]
    unthinking = [name for name in manifest.sources if not recipe.thinks(name)]
    if unthinking:
        without = _sum(manifest.sources[name] for name in unthinking)
        thinking = _sum(one for name, one in manifest.sources.items() if name not in unthinking)
        table = _table(("", *sizes), (row("with thinking", thinking), row("without thinking", without)))
        names = ", ".join(f"`{name}`" for name in unthinking)
        parts.append(f"{table}\nWithout thinking are the samples of {names}: their `<think>` block is empty.\n")
    return "\n".join(parts)


def _against_quotas(manifest: CorpusManifest, recipe: Recipe) -> Iterator[str]:
    """Samples beside what was wanted, of the sources that have a quota."""
    if quotas := recipe.source_quotas:
        found = {name: manifest.sources.get(name, Yield()).samples for name in quotas}
        rows = [(name, f"{found[name]:,}", f"{quotas[name]:,}", _share(found[name], quotas[name])) for name in quotas]
        yield _table(("source", "samples", "wanted", "filled"), rows)


def _sum(yields: Iterable[Yield]) -> Yield:
    ours = list(yields)
    return Yield(samples=sum(one.samples for one in ours), completion_tokens=sum(one.completion_tokens for one in ours))


def _lengths(manifest: CorpusManifest) -> str:
    quantiles = manifest.completion_token_quantiles
    if not quantiles:
        return "## Lengths\n\nThere are no samples.\n"
    return _section("Lengths", tuple(quantiles), [[f"{tokens:,}" for tokens in quantiles.values()]]) + (
        "\nTokens per completion, as the engine counted them. Set a trainer's sequence length above what you want to "
        "keep: several cut at 1,024 or 2,048 without a word.\n"
    )


def _acceptance(manifest: CorpusManifest) -> str:
    def rows(table: Mapping[str, Yield]) -> list[Sequence[str]]:
        return [
            (
                str(name),
                f"{one.prompts:,}",
                _share(one.solved, one.prompts),
                f"{one.attempts:,}",
                _share(one.correct, one.correct + one.incorrect),
                f"{one.undecided + one.unjudged:,}",
                f"{one.filtered:,}",
            )
            for name, one in table.items()
        ]

    head = ("", "prompts tried", "solved", "attempts", "correct of decided", "undecided", "filtered")
    by_domain = _table(head, rows({domain.value: one for domain, one in manifest.domains.items()}))
    sources = [
        (name, manifest.licences[name], f"`{manifest.origins[name]}`", f"{one.samples:,}")
        for name, one in manifest.sources.items()
    ]
    reasons = [(reason, f"{number:,}") for reason, number in manifest.reasons.items()]
    return "\n".join(
        (
            f"## Acceptance\n\n{by_domain}\n{_table(head, rows(manifest.sources))}",
            _section("Verdicts", ("outcome and reason", "attempts"), reasons),
            _section("Sources and licences", ("source", "licence", "from", "samples"), sources),
        )
    )


def _making(manifest: CorpusManifest, recipe: Recipe) -> str:
    sampling = recipe.teacher.sampling
    facts = (
        ("teacher", ", ".join(manifest.teachers) or recipe.teacher.model),
        (
            "sampling",
            f"temperature {sampling.temperature}, top-p {sampling.top_p}, at most {sampling.max_tokens:,} tokens"
            + "".join(f", {domain} {limit:,}" for domain, limit in recipe.teacher.max_tokens_by_domain.items()),
        ),
        ("kept", _kept(recipe)),
        ("verifier", ", ".join(manifest.verifiers) or "none accepted anything"),
        ("left out before judging", _filters(recipe)),
        ("verdict set", manifest.verdict_set),
        ("run", manifest.run_id),
        ("recipe", f"SHA-256 {manifest.recipe_digest}"),
        ("tracegen", manifest.tracegen_version),
    )
    return "## How it was made\n\n" + "".join(f"- **{name}**: {fact}\n" for name, fact in facts)


def _limits(manifest: CorpusManifest, recipe: Recipe) -> str:
    limits = [
        "A verifier judges the answer only; the reasoning before it is not checked.",
        "References come from the sources as they are, and a wrong one rejects right traces and may accept wrong ones.",
        *_of_verifiers(manifest.verifiers),
        *_of_preparation(recipe.preparation),
        "Every sample is a single turn.",
    ]
    if any(recipe.teacher.examples.values()):
        limits.append("The teacher saw worked examples before each prompt; they are not in the samples.")
    if recipe.teacher.system:
        limits.append("The teacher had a system message; it is not in the samples.")
    return "## Known limits\n\n" + "".join(f"- {limit}\n" for limit in limits)


def _of_verifiers(names: Iterable[str]) -> Iterator[str]:
    kinds = {name.partition("/")[0] for name in names}
    if "judge" in kinds:
        yield "Some answers were accepted by a judge, which is a model: it may be wrong about a fact."
    if "majority" in kinds:
        yield "Prompts without a reference were put to the vote of their attempts: that is agreement, not truth."


def _of_preparation(asked: Preparation) -> Iterator[str]:
    if asked.near_duplicates is None:
        yield "Prompts are deduplicated by exact text: near-duplicates remain."
    else:
        least = asked.near_duplicates.similarity
        yield f"Near-duplicates were removed from a similarity of {least:g} of word 3-grams on; less alike ones remain."
    if (rule := asked.decontamination) is None:
        yield "Nobody looked for overlap with benchmarks."
    else:
        names = ", ".join(one.name for one in rule.against)
        yield f"Prompts that share {rule.ngram} words in a row with {names} were left out; paraphrases are not found."


def _kept(recipe: Recipe) -> str:
    rules = recipe.rejection
    of = f"of at most {rules.max_attempts} attempts"
    if rules.select == "first":
        return f"the first {rules.keep} correct {of}"
    names = {"shortest": "the shortest", "random": "any", "diverse": "the least alike"}
    gathered = "all" if rules.gather is None else f"{rules.gather}"
    return f"{names[rules.select]} {rules.keep} of {gathered} correct {of} (`{rules.select}`)"


def _filters(recipe: Recipe) -> str:
    """Filters and what differs from their defaults."""
    if recipe.filters is None:
        return "nothing: the recipe has no filters"
    changed = recipe.filters.model_dump(mode="json", exclude_defaults=True)
    names = [f"`{name}`" for name, options in recipe.filters if options is not None]
    return ", ".join(names) + (f"; not with the defaults: `{json.dumps(changed)}`" if changed else "")


def _section(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return f"## {title}\n\n{_table(head, rows)}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = (head, ["---"] * len(head), *rows)
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |\n" for line in lines)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


def _mean(one: Yield) -> str:
    return f"{one.completion_tokens / one.samples:,.0f}" if one.samples else "–"
