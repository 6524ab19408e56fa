import pytest

from tracegen.engines.options import parse_options
from tracegen.errors import RecipeError
from tracegen.recipe import EngineOptions
from tracegen.registry import BUILT_IN, resolve


@pytest.mark.parametrize(
    ("engine", "raw", "message"),
    [
        (
            "vllm",
            {"max_model_length": 5},
            "engine vllm: unknown option 'max_model_length'; did you mean 'max_model_len'?",
        ),
        (
            "vllm",
            {"gpu_memory_utilization": 2},
            "engine vllm: option 'gpu_memory_utilization': input should be less than or equal to 1",
        ),
        (
            "simulated",
            {"lengths": {"medain": 3}},
            "engine simulated: unknown option 'lengths.medain'; did you mean 'median'?",
        ),
        (
            "simulated",
            {"lengths_by_domain": {"math": {"sigmas": 3}}},
            "engine simulated: unknown option 'lengths_by_domain.math.sigmas'; did you mean 'sigma'?",
        ),
    ],
)
def test_a_wrong_option_is_one_line_that_helps(engine: str, raw: EngineOptions, message: str) -> None:
    with pytest.raises(RecipeError) as error:
        parse_options(engine, resolve("engine", engine), raw)

    assert str(error.value) == message


def test_an_option_like_no_other_gets_the_whole_list() -> None:
    with pytest.raises(RecipeError, match=r"unknown option 'zzz'; known: .*context_tokens.*threads"):
        parse_options("llamacpp", resolve("engine", "llamacpp"), {"zzz": 1})


@pytest.mark.parametrize("engine", sorted(BUILT_IN["engine"]))
def test_every_built_in_engine_has_options_that_may_be_left_out(engine: str) -> None:
    cls = resolve("engine", engine)

    assert isinstance(parse_options(engine, cls, {}), cls.Options)
