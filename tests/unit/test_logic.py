"""reasoning-gym's scorers through JSON. The tables name what is special about a dataset, and why."""

import json
import warnings

import pytest

from benchmarks.gold.puzzles import solution
from tracegen.extract import last_boxed
from tracegen.types import AnswerReference, Outcome, ProceduralReference, Trace
from tracegen.verify.logic import LogicVerifier, score_answer
from tracegen.verify.logic_doubts import SOLUTION_ONLY, UNSOUND
from tracegen.verify.pool import Case, VerifierPool

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    reasoning_gym = pytest.importorskip("reasoning_gym")
    from reasoning_gym.factory import DATASETS

pytestmark = pytest.mark.filterwarnings("ignore")

# No answer is given with the item: any solution counts. The metadata hold an example under this key, if any.
WITHOUT_ANSWER = {
    "boxnet": None,
    "graph_color": "possible_answer",
    "propositional_logic": "example_answer",
    "rubiks_cube": "example_correct_answer",
    "rush_hour": None,
}
# Their scorers raise on an answer that they cannot parse, which is undecided.
RAISE_ON_GARBAGE = {"prime_factorization"}
NAMES = sorted(DATASETS.keys() - {"composite"})  # a composite is made of others; its own test is below


def reference(dataset: str, index: int = 0, seed: int = 5) -> ProceduralReference:
    item = reasoning_gym.create_dataset(dataset, size=index + 1, seed=seed)[index]
    return ProceduralReference(dataset=dataset, item=json.loads(json.dumps(item)))


def judge(given: ProceduralReference, answer: str) -> Outcome:
    return LogicVerifier().verify(given, Trace("", answer)).outcome


@pytest.mark.parametrize("dataset", NAMES)
def test_an_items_own_answer_passes_after_json(dataset: str) -> None:
    given = reference(dataset)
    answer = given.item["answer"]
    if answer is None:
        assert dataset in WITHOUT_ANSWER
        key = WITHOUT_ANSWER[dataset]
        answer = given.item["metadata"][key] if key else None
        answer = answer if answer is None or isinstance(answer, str) else json.dumps(answer)
    if answer is not None:
        assert score_answer(given, answer) == 1
        assert judge(given, answer) is Outcome.CORRECT
        boxed = rf"so it is \boxed{{{answer}}}"
        if last_boxed(boxed) == answer:  # codeio has strings with braces that do not balance
            assert judge(given, boxed) is Outcome.CORRECT
    assert LogicVerifier().check(given) == ""


@pytest.mark.parametrize("dataset", [name for name in NAMES if name not in RAISE_ON_GARBAGE])
def test_a_wrong_answer_does_not_pass(dataset: str) -> None:
    assert judge(reference(dataset), "definitely wrong") is not Outcome.CORRECT


@pytest.mark.parametrize(
    ("dataset", "wrong"),
    [
        ("game_of_life_halting", "perhaps"),
        ("gsm_symbolic", "-{}"),
        ("gsm_symbolic", "{} or 7"),
        ("complex_arithmetic", "nan"),
    ],
)
def test_an_unsound_scorer_is_not_believed(dataset: str, wrong: str) -> None:
    given = reference(dataset)
    answer = wrong.format(given.item["answer"])
    assert score_answer(given, answer) == 1  # or the dataset was mended, and leaves the table
    verdict = LogicVerifier().verify(given, Trace("", answer))
    assert (verdict.outcome, verdict.reason) == (Outcome.UNDECIDED, "scorer_unsound")


@pytest.mark.parametrize(
    ("dataset", "wrong"),
    [
        ("knights_knaves", "not {}"),
        ("letter_jumble", "{} x"),
        ("fraction_simplification", "{} or 1/2"),
        ("kakurasu", "not {}"),
        ("survo", "not {}"),
        ("sokoban", "not {}"),
        ("quantum_lock", "not {}"),
    ],
)
def test_what_a_scorer_does_not_check_is_doubted(dataset: str, wrong: str) -> None:
    given = reference(dataset)
    assert judge(given, wrong.format(given.item["answer"])) is not Outcome.CORRECT


def test_a_tolerance_is_not_believed() -> None:
    near = ProceduralReference(dataset="coin_flip", item={"question": "", "answer": "0.109375", "metadata": {}})
    assert judge(near, "0.109376") is Outcome.UNDECIDED
    assert judge(near, "7/64") is Outcome.CORRECT
    decimal = ProceduralReference(
        dataset="decimal_arithmetic",
        item={"question": "", "answer": "25.413", "metadata": {}},
        options={"max_num_decimal_places": 3},
    )
    assert judge(decimal, "25.414") is Outcome.UNDECIDED
    assert judge(decimal, "25.4130") is Outcome.CORRECT
    assert judge(decimal, "25.42") is Outcome.INCORRECT


def test_24_needs_the_numbers_of_the_puzzle() -> None:
    item = {"question": "", "answer": "(1 + 7)*(4 - 1)", "metadata": {"numbers": [1, 7, 4, 1]}}
    given = ProceduralReference(dataset="puzzle24", item=item, options={"min_value": 1, "max_value": 9})
    assert judge(given, "(7+1)*(4-1)") is Outcome.CORRECT
    assert judge(given, "1*9*3 - 3") is Outcome.UNDECIDED
    assert judge(given, "7*4 - 1 - 1") is Outcome.INCORRECT


def test_a_vehicle_may_not_move_through_another() -> None:
    board = "oooooo" * 2 + "AAoooo" + "oooooo" * 3
    given = ProceduralReference(
        dataset="rush_hour", item={"question": "", "answer": None, "metadata": {"board_config": board}}
    )
    assert judge(given, "A+4") is Outcome.CORRECT
    assert judge(given, "A+5") is Outcome.UNDECIDED
    assert judge(given, "not A+4") is Outcome.UNDECIDED
    assert judge(given, "A+3") is Outcome.INCORRECT


def test_a_scorer_knows_the_configuration_of_its_items() -> None:
    item = {"question": "", "answer": "10 + 10 + 2 + 2", "metadata": {"numbers": [10, 10, 2, 2]}}
    given = ProceduralReference(dataset="puzzle24", item=item)
    narrow = given.model_copy(update={"options": {"max_value": 9}})
    assert judge(given, "10+2+10+2") is Outcome.CORRECT
    assert judge(narrow, "10+2+10+2") is Outcome.INCORRECT
    assert "does not take these options" in LogicVerifier().check(given.model_copy(update={"options": {"no_such": 1}}))
    assert "at most 10" in LogicVerifier().check(given.model_copy(update={"options": {"max_value": 20}}))


@pytest.mark.parametrize("dataset", sorted(WITHOUT_ANSWER))
def test_a_solution_of_an_item_without_an_answer(dataset: str) -> None:
    given = reference(dataset)
    answer = solution(dataset, given.item["metadata"])
    assert judge(given, answer or "") is Outcome.CORRECT
    assert judge(given, "x") is not Outcome.CORRECT


def test_every_unsound_scorer_has_a_reason() -> None:
    assert UNSOUND.keys() | SOLUTION_ONLY.keys() <= DATASETS.keys()
    assert all(UNSOUND.values())


def test_a_composite_is_scored_by_its_source() -> None:
    inner = reference("chain_sum")
    item = {**inner.item, "metadata": {**inner.item["metadata"], "source_dataset": "chain_sum"}}
    given = ProceduralReference(dataset="composite", item=item)
    assert score_answer(given, str(item["answer"])) == 1
    assert score_answer(given, "x") < 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (ProceduralReference(dataset="no_such", item={"question": "", "answer": "", "metadata": {}}), "no dataset"),
        (ProceduralReference(dataset="chain_sum", item={"question": ""}), "lacks answer, metadata"),
        (ProceduralReference(dataset="chain_sum", item={"question": "", "answer": "", "metadata": 1}), "no mapping"),
        (AnswerReference(answer="5"), "kind 'answer'"),
    ],
)
def test_check_says_why(given: ProceduralReference | AnswerReference, words: str) -> None:
    verifier = LogicVerifier()
    assert words in verifier.check(given)
    assert verifier.verify(given, Trace("", "5")).reason == "reference_unreadable"


@pytest.mark.parametrize(
    ("answer", "reason"), [("", "no_answer"), (r"\boxed{}", "no_answer"), ("x" * 30_000, "too_big")]
)
def test_what_needs_no_scorer(answer: str, reason: str) -> None:
    verdict = LogicVerifier().quick(reference("chain_sum"), Trace("", answer))
    assert verdict is not None
    assert verdict.reason == reason


async def test_the_pool_has_memory_for_every_scorer() -> None:
    """Within the default limit, a worker imports reasoning-gym and scores an item of each dataset."""
    pool = VerifierPool({"procedural": LogicVerifier()}, 1)
    await pool.start()
    cases = [Case("procedural", reference(dataset), Trace("", "2 x")) for dataset in NAMES]
    verdicts = await pool.judge(cases)
    await pool.close()
    reasons = {name: verdict.reason for name, verdict in zip(NAMES, verdicts, strict=True)}
    assert {name for name, reason in reasons.items() if reason != "scored"} <= {*RAISE_ON_GARBAGE, *UNSOUND}
