"""The recipe of the published mix: it validates, its numbers are the published ones, and each has its source beside it."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from tracegen.cli import main
from tracegen.recipe import HubSource, ReasoningGymSource
from tracegen.recipe_file import load_recipe
from tracegen.recipe_sets import prompt_sets
from tracegen.types import Domain, Sampling
from tracegen.verify.logic_doubts import UNSOUND

ROOT = Path(__file__).parents[2]
FILE = ROOT / "jobs" / "recipes" / "r1-800k.yaml"
TEXT = FILE.read_text(encoding="utf-8")
RECIPE = load_recipe(str(FILE)).recipe
NUMBER = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
TAG = re.compile(r"# \[([\w-]+)\] \S")


def numeric_lines(text: str) -> list[str]:
    """Lines that hold a number, as YAML sees it: digits in names, paths and comments are none."""
    resolver = yaml.SafeLoader("")
    lines = text.splitlines()
    return [
        lines[token.start_mark.line]
        for token in yaml.scan(text, Loader=yaml.SafeLoader)
        if isinstance(token, yaml.ScalarToken)
        and resolver.resolve(yaml.ScalarNode, token.value, (token.plain, False)) in NUMBER
    ]


def unsourced(text: str) -> list[str]:
    known = set(re.findall(r"^#   \[([\w-]+)\] ", text, re.MULTILINE))
    found = [(line, TAG.search(line)) for line in numeric_lines(text)]
    return [line for line, tag in found if tag is None or tag[1] not in known]


def test_the_mix_is_the_published_one() -> None:
    assert RECIPE.rejection.quotas == {
        Domain.MATH: 395_285,
        Domain.CODE: 211_129,
        Domain.STEM: 10_124,
        Domain.LOGIC: 10_395,
        Domain.GENERAL: 177_812,
    }
    assert sum(RECIPE.rejection.quotas.values()) == 804_745
    assert {source.domain for source in RECIPE.prompts} == set(Domain)


def test_the_teacher_is_asked_as_its_model_card_says() -> None:
    teacher = RECIPE.teacher
    assert (teacher.engine, teacher.model, teacher.system, teacher.prefill) == (
        *("vllm", "deepseek-ai/DeepSeek-R1", ""),
        "<think>\n",
    )
    assert teacher.sampling == Sampling(temperature=0.6, top_p=0.95, max_tokens=32_768)
    assert teacher.instruction[Domain.MATH] == (
        r"Please reason step by step, and put your final answer within \boxed{}."
    )
    assert RECIPE.judge is not None
    assert RECIPE.judge.model == "deepseek-ai/DeepSeek-V3"


def test_every_number_has_its_source_beside_it() -> None:
    assert len(numeric_lines(TEXT)) > 30
    assert unsourced(TEXT) == []


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        ("    math: 395285  # [paper] table 5", "    math: 395285"),
        ("    math: 395285  # [paper] table 5", "    math: 395285  # [rumour] somebody said so"),
        ("    math: 395285  # [paper] table 5", "    math: 395285  # [paper]"),
    ],
)
def test_a_number_without_a_source_is_seen(line: str, changed: str) -> None:
    assert line in TEXT
    assert unsourced(TEXT.replace(line, changed)) == [changed]


def test_every_set_is_pinned_to_a_commit() -> None:
    hub = [source for source in RECIPE.prompts if isinstance(source, HubSource)]
    assert all(re.fullmatch(r"[0-9a-f]{40}", source.revision) for source in hub)
    assert {source.set for source in hub} <= set(prompt_sets())
    assert re.fullmatch(r"[0-9a-f]{40}", RECIPE.teacher.revision)


def test_logic_is_judged_by_scorers_that_can_be_trusted_or_are_checked() -> None:
    made = [source for source in RECIPE.prompts if isinstance(source, ReasoningGymSource)]
    assert sum(source.size for source in made) > RECIPE.rejection.quotas[Domain.LOGIC]
    # knights_knaves alone is doubted: its answers must say the same as the item's, too (logic_doubts.py).
    assert {source.dataset for source in made} & set(UNSOUND) == {"knights_knaves"}


def test_it_fits_the_published_schema() -> None:
    schema = json.loads((ROOT / "schemas" / "recipe.v1.json").read_text(encoding="utf-8"))
    jsonschema.validate(yaml.safe_load(TEXT), schema)


@pytest.mark.parametrize("command", ["plan", "prompts"])
def test_a_missing_benchmark_is_told_in_one_line(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, str(FILE)])
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (2, "")
    assert err.startswith(
        "error: benchmark 'aime-2024': no file matches r1-benchmarks/aime-2024/data/*.parquet; looked in "
    )
    assert err.count("\n") == 1
