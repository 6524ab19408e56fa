"""The open prompt sets: rows with the published columns and shapes, through JSON Lines and Parquet, to prompts."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import TypeAdapter, ValidationError

from tracegen.errors import PromptError
from tracegen.prompts.sources import Unusable, origin, rows
from tracegen.recipe import HubSource, Judge, PromptSource
from tracegen.recipe_sets import prompt_sets
from tracegen.types import (
    AnswerReference,
    AssertsReference,
    ChoiceReference,
    Domain,
    NoReference,
    Prompt,
    Reference,
    RubricReference,
    StdioReference,
    StdioTest,
)
from tracegen.verify.spec import build_verifiers

SOURCE: TypeAdapter[PromptSource] = TypeAdapter(PromptSource)
VERIFIERS = build_verifiers(
    {"answer": "math", "choice": "choice", "stdio": "code", "asserts": "code"},
    Judge(engine="openai", model="judge"),
)
NUMINA = {
    "problem": "What is $1+1$?",
    "solution": "It is $2$.",
    "answer": "2",
    "problem_type": "Algebra",
    "question_type": "math-word-problem",
    "problem_is_valid": "Yes",
    "solution_is_valid": "Yes",
    "source": "olympiads",
    "synthetic": False,
}
OPENR1 = {
    "problem": "Find $x$.",
    "solution": "…",
    "answer": "\\frac{1}{2}",
    "problem_type": "Algebra",
    "question_type": "math-word-problem",
    "source": "aops_forum",
    "uuid": "0b1e",
    "is_reasoning_complete": [True],
    "generations": ["<think>…</think>"],
    "correctness_math_verify": [True],
    "correctness_llama": None,
    "finish_reasons": None,
    "correctness_count": 1,
    "messages": [{"content": "Find $x$.", "role": "user"}],
}
DAPO = {
    "data_source": "math_dapo",
    "prompt": [
        {
            "content": "Solve the following math problem step by step. The last line of your response should be of the "
            "form Answer: $Answer (without quotes) where $Answer is the answer to the problem.\n\nIn triangle $ABC$, "
            'find $BC$.\n\nRemember to put your answer on its own line after "Answer:".',
            "role": "user",
        }
    ],
    "ability": "MATH",
    "reward_model": {"ground_truth": "34", "style": "rule-lighteval/MATH_v2"},
    "extra_info": {"index": "9a9b6eb4-a1cb-49d1-8c1e-62eaf2f74079"},
}
OPENMATH = {
    "expected_answer": "4",
    "problem_type": "has_answer_extracted",
    "problem_source": "aops_c4_high_school_math",
    "generation_model": "DeepSeek-R1",
    "pass_rate_72b_tir": "0.96875",
    "problem": "What is $2+2$?",
    "generated_solution": "<think>…</think>",
    "inference_mode": "cot",
    "used_in_kaggle": True,
}
OPENCODE = {
    "id": "f4b2",
    "input": "Read n, print n + 1.",
    "output": "<think>…</think>",
    "source": "codeforces",
    "license": "apache-2.0",
    "dataset": "code_contests",
    "split": "train",
    "difficulty": "7",
    "solution": "…",
}
APPS = {
    "problem_id": 0,
    "question": "Double the number.",
    "solutions": '["…"]',
    "difficulty": "interview",
    "input_output": '{"inputs": ["1\\n", "2\\n"], "outputs": ["2\\n", "4\\n"]}',
    "url": "https://codeforces.com/problemset/problem/1/A",
    "starter_code": "",
}
STARTER = "class Solution:\n    def twice(self, n: int) -> int:\n        "
TACO = {
    "question": "Double the number.",
    "solutions": '["…"]',
    "starter_code": "",
    "difficulty": "EASY",
    "input_output": '{"inputs": ["1\\n"], "outputs": ["2\\n"]}',
    "raw_tags": "[]",
    "name": None,
    "tags": "[]",
    "source": "codeforces",
    "skill_types": "[]",
    "url": "https://…",
    "Expected Auxiliary Space": None,
    "time_limit": "1.0 seconds",
    "date": None,
    "picture_num": "0",
    "memory_limit": "256.0 megabytes",
    "Expected Time Complexity": None,
}
NO_TESTS: dict[str, list[str]] = {"input": [], "output": []}
CONTEST = {
    "name": "1575_A. Another Sorting Problem",
    "description": "Add one: 加一。",
    "source": 2,
    "difficulty": 7,
    "public_tests": {"input": ["1\n"], "output": ["2\n"]},
    "private_tests": {"input": [], "output": []},
    "generated_tests": {"input": ["5\n", "6\n"], "output": ["6\n", "7\n"]},
    "solutions": {"language": [3], "solution": ["print(int(input()) + 1)"]},
    "incorrect_solutions": {"language": [], "solution": []},
    "cf_contest_id": 1575,
    "cf_index": "A",
    "cf_points": 0.0,
    "cf_rating": 1100,
    "cf_tags": ["sortings"],
    "is_description_translated": False,
    "untranslated_description": "",
    "memory_limit_bytes": 256000000,
    "time_limit": {"seconds": 2, "nanos": 0},
    "input_file": "",
    "output_file": "",
}
SYNTHETIC = {
    "response_id": "verifiable-math-1",
    "problem_id": "vfm_1",
    "source": "numina",
    "in_source_id": "x",
    "hf_dataset_name": "verifiable-math-problems",
    "task_type": "verifiable_math",
    "prompt": "What is 1 + 1?",
    "gold_standard_solution": "It is 2.",
    "llm_response": "…",
    "score": 1.0,
    "verification_result_info": "{}",
    "verification_info": '{"ground_truth": "2.50"}',
    "metadata": "{}",
}
CASES: dict[str, Any] = {
    "language": "python",
    "test_cases": [{"type": "stdin_stdout", "input": "1\n", "output": "2\n", "fn_name": None}],
}
CALLS: dict[str, Any] = {
    "language": "python",
    "test_cases": [{"type": "function_call", "fn_name": "top", "input": [[1, 2], 1], "output": [2]}],
}
MMLU = {
    "question_id": 70,
    "question": "Which is a noble gas?",
    "options": ["Iron", "Neon", "Zinc"],
    "answer": "B",
    "answer_index": 1,
    "cot_content": "A: …",
    "category": "chemistry",
    "src": "ori_mmlu-high_school_chemistry",
}
WEB = {
    "id": 17,
    "question": "How fast is it? Give m/s.",
    "answer": "3.0",
    "answer_type": "Float",
    "category": "Physics",
    "difficulty": "University",
}
TULU = {
    "id": "ai2-adapt-dev/oasst1_converted_1",
    "messages": [{"content": "Why is the sky blue?", "role": "user"}, {"content": "It scatters.", "role": "assistant"}],
    "source": "ai2-adapt-dev/oasst1_converted",
}
SAID = {"country": None, "hashed_ip": None, "language": "Chinese", "redacted": False, "toxic": False}
WILD = {
    "conversation_hash": "cd1267",
    "model": "gpt-4-0314",
    "turn": 1,
    "language": "Chinese",
    "toxic": False,
    "conversation": [
        {"content": "写一首关于雨的诗", "role": "user", **SAID},
        {"content": "雨…", "role": "assistant", **SAID},
    ],
    "redacted": False,
}
DOLLY = {"instruction": "Name the river.", "context": "The Nile is long.", "response": "The Nile.", "category": "qa"}

Row = Mapping[str, object]
Made = tuple[str, Reference]


@dataclass(frozen=True)
class Cases:
    """Rows of one set: text and reference of the good ones, part and reason of the others."""

    good: list[tuple[Row, Made]]
    bad: list[tuple[Row, str, str]] = field(default_factory=list)


def stdio(*tests: tuple[str, str]) -> StdioReference:
    return StdioReference(tests=tuple(StdioTest(input=given, output=expected) for given, expected in tests))


def doubled(tests: str) -> Row:
    return {**APPS, "input_output": tests}


PROGRAM = "\n\nWrite a program that reads from standard input and writes to standard output."
SETS: dict[str, Cases] = {
    "numinamath-1.5": Cases(
        [
            (NUMINA, ("What is $1+1$?", AnswerReference(answer="2"))),
            (
                {**NUMINA, "problem": "Which? (A) 1 (B) 2", "question_type": "MCQ", "answer": "B"},
                ("Which? (A) 1 (B) 2", ChoiceReference(answer="B")),
            ),
            (
                {**NUMINA, "problem": "Which? (A) √2", "question_type": "MCQ", "answer": "\\sqrt{2}"},
                ("Which? (A) √2", AnswerReference(answer="\\sqrt{2}")),
            ),
        ],
        [
            ({**NUMINA, "question_type": "proof"}, "set", "a proof"),
            ({**NUMINA, "answer": "proof"}, "set", "a proof"),
            ({**NUMINA, "answer": None}, "set", "no answer"),
            ({**NUMINA, "answer": "notfound"}, "set", "no answer"),
            ({**NUMINA, "problem_is_valid": "Incomplete"}, "set", "the set calls the problem invalid"),
            ({**NUMINA, "solution_is_valid": None}, "set", "the set calls the solution invalid"),
            ({**NUMINA, "problem": None}, "text", "column 'problem' is missing"),
        ],
    ),
    "openr1-math-220k": Cases(
        [(OPENR1, ("Find $x$.", AnswerReference(answer="\\frac{1}{2}")))],
        [
            ({**OPENR1, "question_type": "proof", "answer": "proof"}, "set", "a proof"),
            ({**OPENR1, "answer": ""}, "set", "no answer"),
        ],
    ),
    "dapo-math-17k": Cases(
        [(DAPO, ("In triangle $ABC$, find $BC$.", AnswerReference(answer="34")))],
        [
            (
                {**DAPO, "reward_model": {"ground_truth": None, "style": "rule"}},
                "reference",
                "column 'reward_model.ground_truth' is missing",
            ),
            ({**DAPO, "prompt": []}, "set", "a chat of other than one turn each"),
        ],
    ),
    "openmathreasoning": Cases(
        [
            (OPENMATH, ("What is $2+2$?", AnswerReference(answer="4"))),
            (
                {**OPENMATH, "problem_type": "converted_proof", "expected_answer": "n^2"},
                ("What is $2+2$?", AnswerReference(answer="n^2")),
            ),
        ],
        [
            (
                {**OPENMATH, "problem_type": "no_answer_extracted"},
                "set",
                "its answer is the majority of other models",
            ),
            ({**OPENMATH, "expected_answer": "n/a"}, "set", "no answer"),
        ],
    ),
    "opencodereasoning": Cases(
        [(OPENCODE, ("Read n, print n + 1.", NoReference()))],
        [({**OPENCODE, "input": "-"}, "set", "the question stands in APPS or TACO only")],
    ),
    "apps": Cases(
        [
            (APPS, ("Double the number." + PROGRAM, stdio(("1\n", "2\n"), ("2\n", "4\n")))),
            (
                doubled('{"inputs": [["1", "2"]], "outputs": [["é"]]}'),
                ("Double the number." + PROGRAM, stdio(("1\n2", "é"))),
            ),
        ],
        [
            (doubled(""), "set", "no tests"),
            (doubled('{"inputs": [], "outputs": []}'), "reference", "it has no tests"),
            (doubled('{"inputs": ["1"], "outputs": []}'), "reference", "inputs and outputs are no lists of one length"),
            (doubled("not JSON"), "reference", "its tests are no JSON object"),
            (
                doubled('{"fn_name": "f", "inputs": ["1"], "outputs": [1]}'),
                "reference",
                "the arguments of f are str, not a list",
            ),
            (
                doubled('{"fn_name": "f g", "inputs": [[1]], "outputs": [1]}'),
                "reference",
                "'f g' is no name of a function",
            ),
            (
                doubled(json.dumps({"inputs": ["1" * 200_000], "outputs": ["2"]})),
                "reference",
                "each of its tests is larger than 100000 bytes",
            ),
        ],
    ),
    "taco": Cases(
        [(TACO, ("Double the number." + PROGRAM, stdio(("1\n", "2\n"))))],
        [
            ({**TACO, "picture_num": "2"}, "set", "it needs a picture"),
            ({**TACO, "input_output": None}, "reference", "its tests are no JSON object"),
        ],
    ),
    "code-contests": Cases(
        [(CONTEST, ("Add one: 加一。" + PROGRAM, stdio(("1\n", "2\n"), ("5\n", "6\n"), ("6\n", "7\n"))))],
        [
            ({**CONTEST, "input_file": "input.txt"}, "set", "it reads a file"),
            ({**CONTEST, "description": ""}, "set", "no description"),
            (
                {**CONTEST, "public_tests": NO_TESTS, "generated_tests": NO_TESTS},
                "reference",
                "it has no tests",
            ),
        ],
    ),
    "synthetic-1-math": Cases(
        [
            (SYNTHETIC, ("What is 1 + 1?", AnswerReference(answer="2.50"))),
            (
                {**SYNTHETIC, "verification_info": '{"ground_truth": "\\\\boxed{\\\\frac{1}{2}}"}'},
                ("What is 1 + 1?", AnswerReference(answer="\\frac{1}{2}")),
            ),
        ],
        [
            ({**SYNTHETIC, "task_type": "verifiable_code"}, "set", "another type of task"),
            (
                {**SYNTHETIC, "verification_info": "{}"},
                "reference",
                "column 'verification_info.ground_truth' is missing",
            ),
        ],
    ),
    "synthetic-1-code": Cases(
        [
            (
                {**SYNTHETIC, "task_type": "verifiable_code", "verification_info": json.dumps(CASES)},
                ("What is 1 + 1?" + PROGRAM, stdio(("1\n", "2\n"))),
            )
        ],
        [
            (SYNTHETIC, "set", "another type of task"),
            (
                {
                    **SYNTHETIC,
                    "task_type": "verifiable_code",
                    "verification_info": json.dumps({**CASES, "language": "rust"}),
                },
                "set",
                "programs in rust are not judged",
            ),
            (
                {
                    **SYNTHETIC,
                    "task_type": "verifiable_code",
                    "verification_info": '{"language": "python", "test_cases": []}',
                },
                "reference",
                "it has no tests",
            ),
        ],
    ),
    "synthetic-1-judged": Cases(
        [
            (
                {**SYNTHETIC, "task_type": "llm_judgeable_groundtruth_similarity", "verification_info": "{}"},
                (
                    "What is 1 + 1?",
                    RubricReference(
                        rubric="The answer states the same facts as the example, and nothing that contradicts it. "
                        "Style does not count.",
                        example="It is 2.",
                    ),
                ),
            )
        ],
        [(SYNTHETIC, "set", "another type of task")],
    ),
    "mmlu-pro": Cases(
        [
            (
                MMLU,
                (
                    "Which is a noble gas?\n\nA. Iron\nB. Neon\nC. Zinc",
                    ChoiceReference(answer="B", options=("Iron", "Neon", "Zinc")),
                ),
            )
        ],
        [
            ({**MMLU, "answer": "F"}, "reference", "'F' is none of 3 options"),
            ({**MMLU, "options": []}, "reference", "0 options"),
            ({**MMLU, "options": None}, "reference", "its options are no list of texts"),
        ],
    ),
    "webinstruct-verified": Cases(
        [
            (WEB, ("How fast is it? Give m/s.", AnswerReference(answer="3.0"))),
            (
                {**WEB, "question": "Which? A. x B. y", "answer": "B", "answer_type": "Multiple Choice"},
                ("Which? A. x B. y", ChoiceReference(answer="B")),
            ),
        ],
        [({**WEB, "category": "Mathematics"}, "set", "mathematics")],
    ),
    "tulu-3-sft-mixture": Cases(
        [
            (
                TULU,
                (
                    "Why is the sky blue?",
                    RubricReference(
                        rubric="The answer does what was asked, is right in what it claims, and is of use. The example "
                        "shows one good answer; others may be as good.",
                        example="It scatters.",
                    ),
                ),
            )
        ],
        [
            ({**TULU, "source": "ai2-adapt-dev/no_robots_converted"}, "set", "CC-BY-NC-4.0"),
            ({**TULU, "messages": [*TULU["messages"]] * 2}, "set", "a chat of other than one turn each"),
            (
                {**TULU, "messages": [{"content": "Be brief.", "role": "system"}, *TULU["messages"]]},
                "set",
                "a chat of other than one turn each",
            ),
        ],
    ),
    "wildchat-1m": Cases(
        [
            (
                WILD,
                (
                    "写一首关于雨的诗",
                    RubricReference(
                        rubric="The answer does what was asked, is right in what it claims, and is of use."
                    ),
                ),
            )
        ],
        [
            ({**WILD, "toxic": True}, "set", "toxic"),
            ({**WILD, "redacted": True}, "set", "personal data was taken out of it"),
        ],
    ),
    "dolly-15k": Cases(
        [
            (
                DOLLY,
                (
                    "Name the river.\n\nThe Nile is long.",
                    RubricReference(
                        rubric="The answer does what was asked, is right in what it claims, and is of use. The example "
                        "shows one good answer; others may be as good.",
                        example="The Nile.",
                    ),
                ),
            ),
        ],
        [({**DOLLY, "instruction": " "}, "set", "no instruction")],
    ),
}


def as_jsonl(place: Path, found: list[Row]) -> dict[str, str]:
    (place / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in found), encoding="utf-8")
    return {"kind": "jsonl", "path": "rows.jsonl"}


def as_parquet(place: Path, found: list[Row]) -> dict[str, str]:
    pq.write_table(pa.Table.from_pylist(list(found)), place / "rows.parquet")
    return {"kind": "parquet", "path": "rows.parquet"}


def read(place: Path, written: Mapping[str, object], **keys: object) -> list[Prompt | Unusable]:
    return list(rows(SOURCE.validate_python({"name": "s", **written, **keys}), place))


def test_every_set_has_its_rows_and_its_line_in_the_documentation() -> None:
    assert set(SETS) == set(prompt_sets())
    page = (Path(__file__).parents[2] / "docs" / "prompts.md").read_text(encoding="utf-8")
    lines = {name: line for name in SETS for line in page.splitlines() if line.startswith(f"| `{name}` |")}
    assert set(lines) == set(SETS)
    for name, of in prompt_sets().items():
        assert of.licence in lines[name] or of.reads.licence


@pytest.mark.parametrize("write", [as_jsonl, as_parquet])
@pytest.mark.parametrize("name", SETS)
def test_rows_become_prompts_that_can_be_judged(
    tmp_path: Path, name: str, write: Callable[[Path, list[Row]], dict[str, str]]
) -> None:
    cases = SETS[name]
    found = read(tmp_path, write(tmp_path, [row for row, *_ in [*cases.good, *cases.bad]]), set=name)
    good, bad = found[: len(cases.good)], found[len(cases.good) :]
    made = [(row.text, row.reference) for row in good if isinstance(row, Prompt)]
    assert made == [expected for _, expected in cases.good]
    for _, reference in made:
        if not isinstance(reference, NoReference):
            assert VERIFIERS[reference.kind].check(reference) == ""
    assert [(row.part, row.reason) for row in bad if isinstance(row, Unusable)] == [
        (part, reason) for _, part, reason in cases.bad
    ]


@pytest.mark.parametrize("name", SETS)
def test_a_set_says_where_it_is_and_who_says_so(name: str) -> None:
    of = prompt_sets()[name]
    assert of.cites
    source = SOURCE.validate_python({"kind": "hub", "name": "s", "set": name, "revision": "0" * 40})
    assert isinstance(source, HubSource)
    assert (source.dataset, source.split, source.domain, source.licence) == (
        of.dataset,
        of.split,
        of.domain,
        of.licence,
    )
    assert origin(source) == f"{of.dataset}@{'0' * 40}"
    assert SOURCE.validate_python(source.model_dump(mode="json")) == source


@pytest.mark.parametrize("write", [as_jsonl, as_parquet])
def test_the_right_option_may_be_told_by_its_number(
    tmp_path: Path, write: Callable[[Path, list[Row]], dict[str, str]]
) -> None:
    reads = {"reference": {"how": "options", "options": "options", "right": "answer_index"}}
    wrong = {**MMLU, "answer_index": 3}
    right, other = read(tmp_path, write(tmp_path, [MMLU, wrong]), set="mmlu-pro", reads=reads)
    assert isinstance(right, Prompt)
    assert right.reference == ChoiceReference(answer="B", options=("Iron", "Neon", "Zinc"))
    assert other == Unusable("s", "70", "reference", "'3' is none of 3 options")


def test_a_row_has_its_own_licence_id_and_difficulty(tmp_path: Path) -> None:
    [row, other] = read(
        tmp_path, as_jsonl(tmp_path, [OPENCODE, {**OPENCODE, "license": None}]), set="opencodereasoning"
    )
    assert isinstance(row, Prompt)
    assert isinstance(other, Prompt)
    assert (row.licence, row.source_row, row.difficulty, row.domain) == ("apache-2.0", "f4b2", "7", Domain.CODE)
    assert other.licence == "see each row"
    [dapo] = read(tmp_path, as_parquet(tmp_path, [DAPO]), set="dapo-math-17k")
    assert dapo.source_row == "9a9b6eb4-a1cb-49d1-8c1e-62eaf2f74079"


@pytest.mark.parametrize("write", [as_jsonl, as_parquet])
def test_calls_of_a_function(tmp_path: Path, write: Callable[[Path, list[Row]], dict[str, str]]) -> None:
    tests = {"fn_name": "twice", "inputs": [[2], ["ü"]], "outputs": [[4], None]}
    apps = {**APPS, "starter_code": STARTER, "input_output": json.dumps(tests)}
    [row] = read(tmp_path, write(tmp_path, [apps]), set="apps")
    assert isinstance(row, Prompt)
    assert isinstance(row.reference, AssertsReference)
    assert row.text.endswith("this signature:\n\n```python\ndef twice(n: int) -> int:\n```")
    assert row.reference.asserts == ("assert fits(twice(2), [[4], 4])", "assert fits(twice('ü'), [None])")
    assert VERIFIERS["asserts"].check(row.reference) == ""
    bare = {**APPS, "starter_code": None, "input_output": json.dumps(tests)}
    [row] = read(tmp_path, write(tmp_path, [bare]), set="apps")
    assert isinstance(row, Prompt)
    assert row.text.endswith("Write a Python function named `twice`.")


def test_tests_that_are_objects_keep_their_numbers(tmp_path: Path) -> None:
    row = {**SYNTHETIC, "task_type": "verifiable_code", "verification_info": CALLS}
    [found] = read(tmp_path, as_jsonl(tmp_path, [row]), set="synthetic-1-code")
    assert isinstance(found, Prompt)
    assert isinstance(found.reference, AssertsReference)
    assert found.reference.asserts == ("assert fits(top([1, 2], 1), [[2], 2])",)


def test_of_many_tests_some_are_taken_evenly(tmp_path: Path) -> None:
    tests = {"inputs": [str(n) for n in range(1000)], "outputs": ["0"] * 1000}
    [row] = read(tmp_path, as_jsonl(tmp_path, [doubled(json.dumps(tests))]), set="apps")
    assert isinstance(row, Prompt)
    assert isinstance(row.reference, StdioReference)
    taken = [int(test.input) for test in row.reference.tests]
    assert (len(taken), taken[0], taken[-1]) == (32, 0, 999)
    assert {later - earlier for earlier, later in pairwise(taken)} <= {32, 33}


def test_what_a_set_says_may_be_overridden(tmp_path: Path) -> None:
    row = {**{key: value for key, value in MMLU.items() if key != "question"}, "stem": "Which?"}
    [found] = read(
        *(tmp_path, as_jsonl(tmp_path, [row])),
        set="mmlu-pro",
        domain="logic",
        licence="CC0-1.0",
        columns={"text": "stem", "id": None},
    )
    assert isinstance(found, Prompt)
    assert (found.domain, found.licence, found.source_row, found.text[:6]) == (Domain.LOGIC, "CC0-1.0", "1", "Which?")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"set": "numina"}, "unknown set 'numina'; did you mean 'numinamath-1.5'"),
        ({"set": 3}, "unknown set 3; known: apps, "),
        ({"set": "gsm8k"}, "unknown set 'gsm8k'; known: apps, code-contests, "),
        (
            {"set": "mmlu-pro", "columns": {"answer": "answer"}},
            "set 'mmlu-pro' makes its references from other columns (options), so columns.answer does not go with it",
        ),
        ({"set": "taco", "columns": {"reference": "tests"}}, "columns.reference does not go with it"),
    ],
)
def test_what_does_not_go_together_is_told(keys: dict[str, object], expected: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SOURCE.validate_python({"kind": "jsonl", "name": "s", "path": "x", **keys})
    assert expected in str(caught.value)


def test_a_missing_column_is_told_with_who_asks_for_it(tmp_path: Path) -> None:
    row = {key: value for key, value in NUMINA.items() if key != "question_type"}
    with pytest.raises(PromptError) as caught:
        read(tmp_path, as_jsonl(tmp_path, [row]), set="numinamath-1.5")
    assert "has no column 'question_type' (reads.leave_out, with set 'numinamath-1.5'); it has: problem" in str(
        caught.value
    )


def test_files_of_a_repository_that_is_no_dataset(tmp_path: Path) -> None:
    (tmp_path / "apps").mkdir()
    (tmp_path / "apps" / "train.jsonl").write_text(json.dumps({"id": 0, **APPS}) + "\n")
    keys = {"kind": "hub", "dataset": "apps", "revision": "0" * 40}
    [row] = read(tmp_path, keys, set="apps")
    assert isinstance(row, Prompt)
    assert row.reference == stdio(("1\n", "2\n"), ("2\n", "4\n"))
