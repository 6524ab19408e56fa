import pickle
import sys

import pytest
from pydantic import ValidationError

from tests.filled import recipe
from tests.unit.filters.mathematics import CHINESE, ENGLISH
from tracegen.errors import MissingDependency
from tracegen.filter_options import CodeBlocks, Filters, Loops, ThinReasoning
from tracegen.filters import languages
from tracegen.filters.finding import Finding, Subject
from tracegen.filters.sieve import FILTERS, Sieve
from tracegen.scheduling.tokens import cause
from tracegen.types import FILTERED, Domain, FinishReason, Outcome, Trace
from tracegen.verify.spec import build_verifiers
from tracegen.verify.verdict_set import verdict_set

GOOD = "Half of 24 is 12, so she has 12 apples left in the end."
CODE = GOOD + "\n```python\nprint(24 // 2)\n```"


def only(name: str, **options: object) -> Filters:
    return Filters.model_validate({key: options if key == name else None for key in FILTERS})


def test_every_filter_of_a_recipe_is_in_the_sieve() -> None:
    assert set(FILTERS) == set(Filters.model_fields)


def test_a_good_trace_passes() -> None:
    sieve = Sieve(Filters())
    for text in (GOOD, "\n\n".join(ENGLISH[:20]) + GOOD, "\n\n".join(CHINESE) + "所以答案是 12。"):
        assert sieve.find(Subject(Trace(text, r"So \boxed{12}."), Domain.MATH)) is None


@pytest.mark.parametrize(
    ("reasoning", "answer", "finish", "reason"),
    [
        (CODE, "12", FinishReason.STOP, "code_blocks"),
        ("Okay.", "12", FinishReason.STOP, "thin_reasoning"),
        (GOOD, "12", FinishReason.LENGTH, "truncation"),
        (GOOD + "<|im_end|>", "12", FinishReason.STOP, "chat_markers"),
        (GOOD, "I'm sorry, but I can't help with that.", FinishReason.STOP, "refusals"),
        (GOOD + " ".join(map(str, range(1200))), "12", FinishReason.STOP, "long_paragraphs"),
        (GOOD, r"\boxed{14}", FinishReason.STOP, "conclusion"),
        (GOOD, "Write to maria.kowalska@gmail.com", FinishReason.STOP, "personal_data"),
        (GOOD + "\nWait." * 20, "12", FinishReason.STOP, "loops"),
        (GOOD + "\n因此我们有一个很好的结果。", "12", FinishReason.STOP, "mixed_languages"),
    ],
)
def test_each_filter_gives_its_name_as_the_reason(
    reasoning: str, answer: str, finish: FinishReason, reason: str
) -> None:
    subject = Subject(Trace(reasoning, answer), Domain.MATH, finish)
    finding = Sieve(Filters()).find(subject)
    assert isinstance(finding, Finding)
    assert finding.reason == reason
    assert 0 < len(finding.detail) <= 200
    assert Sieve(only(reason)).find(subject) == finding
    off = Filters.model_validate({reason: None})
    assert Sieve(off).find(subject) is None


def test_code_is_spared_blocks_of_code_unless_the_recipe_says_otherwise() -> None:
    subject = Subject(Trace(CODE, "12"), Domain.CODE)
    assert Sieve(Filters()).find(subject) is None
    as_published = Sieve(Filters(code_blocks=CodeBlocks(spare=())))
    assert as_published.find(subject) == Finding(
        "code_blocks", "a code block at character 56: '```python print(24 // 2) ```'"
    )


def test_simple_general_prompts_need_no_reasoning() -> None:
    subject = Subject(Trace("They say hello.", "Hello! How can I help?"), Domain.GENERAL)
    assert Sieve(Filters()).find(subject) is None
    assert Sieve(Filters(thin_reasoning=ThinReasoning(spare=()))).find(subject) is not None


def test_other_filters_are_another_verdict_set() -> None:
    verifiers = build_verifiers({"answer": "math"})
    names = [
        verdict_set(verifiers),
        verdict_set(verifiers, sieve=Sieve(Filters())),
        verdict_set(verifiers, sieve=Sieve(Filters(loops=None))),
        verdict_set(verifiers, sieve=Sieve(Filters(loops=Loops(max_repeats=10)))),
    ]
    assert len(set(names)) == 4
    assert names[1].startswith("math-1_filters-1-")
    assert names[1] == verdict_set(verifiers, sieve=Sieve(Filters(loops=Loops(max_repeats=20))))


def test_filters_are_part_of_a_runs_name_and_absent_by_default() -> None:
    plain, all_of_them, fewer = recipe(), recipe(filters={}), recipe(filters={"loops": None})
    assert plain.filters is None
    assert len({plain.digest, all_of_them.digest, fewer.digest}) == 3
    assert all_of_them.digest == recipe(filters={"loops": {"max_repeats": 20}}).digest
    with pytest.raises(ValidationError, match="every filter is off"):
        recipe(filters=dict.fromkeys(FILTERS))
    with pytest.raises(ValidationError, match="loop"):
        recipe(filters={"loop": {}})


def test_the_sieve_needs_its_library_only_for_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, languages.LIBRARY, None)
    monkeypatch.setattr(languages, "find_spec", lambda _: None)
    Sieve(Filters(mixed_languages=None))
    with pytest.raises(MissingDependency, match="needs py3langid, which is not installed; pip install"):
        Sieve(Filters())


def test_options_travel_to_other_processes() -> None:
    assert pickle.loads(pickle.dumps(Filters())) == Filters()


def test_tokens_of_filtered_traces_are_counted_apart() -> None:
    assert cause(Outcome.UNDECIDED, f"{FILTERED}loops", wanted=True) == "filtered"
    assert cause(Outcome.UNDECIDED, "timeout", wanted=True) == "undecided"


@pytest.mark.parametrize("text", ["\ud800", "\x00" * 50, "́" * 3000, "😀" * 900, "\u202e" * 100, "𝟙𝟚" * 40, "٣٤٥" * 30])
def test_no_text_breaks_a_filter(text: str) -> None:
    for name in FILTERS:
        Sieve(only(name)).find(Subject(Trace(f"a {text} b\n{text}", f"{text} \\boxed{{{text}}}"), Domain.MATH))
