"""What a recipe may say about the models that speak, the teacher and the judge. What they run on is ``recipe_where.py``."""

from typing import Literal

from pydantic import JsonValue, PositiveInt

from tracegen.types import Domain, Sampling, Value

EngineOptions = dict[str, JsonValue]
"""Options of one engine. Closed as well: each engine checks them against a model of its own."""


class Example(Value):
    """A worked example that precedes the prompt in the chat."""

    prompt: str
    response: str


class Teacher(Value):
    """Model, chat and sampling: with the engine, all that decides what is generated."""

    engine: str
    """A built-in engine (``llamacpp``, ``vllm``, ``openai``, ``simulated``) or a plug-in's name."""
    model: str
    """A bundled model's name, a path, or a hub id."""
    revision: str = ""
    system: str = ""
    """R1 wants none (model card, usage recommendation 2)."""
    instruction: dict[Domain, str] = {}
    """Appended to the prompt after a blank line, by domain."""
    examples: dict[Domain, tuple[Example, ...]] = {}
    prefill: str = ""
    """What the response is made to begin with. R1: ``<think>\\n``, else it sometimes skips thinking."""
    sampling: Sampling = Sampling()
    max_tokens_by_domain: dict[Domain, PositiveInt] = {}
    """Instead of ``sampling.max_tokens``, by domain."""
    engines: dict[str, EngineOptions] = {}
    """Options that change what is generated, by engine; only the chosen engine's are hashed."""

    def sampling_of(self, domain: Domain) -> Sampling:
        """With the domain's own token limit."""
        limit = self.max_tokens_by_domain.get(domain, self.sampling.max_tokens)
        return self.sampling.model_copy(update={"max_tokens": limit})


class Judge(Value):
    """A generative judge: settles what the verifiers leave undecided, and what has no rule (docs/judge.md)."""

    engine: str
    """As the teacher's."""
    model: str
    revision: str = ""
    sampling: Sampling = Sampling(temperature=0, top_p=1, max_tokens=4096)
    """Greedy, so that the same case is judged the same again; how DeepSeek sampled its judge is not published."""
    settles: tuple[Literal["answer", "choice", "rubric"], ...] = ("answer", "choice", "rubric")
    """Kinds of reference that it is asked about. What a program judges is never a reader's to settle."""
    engines: dict[str, EngineOptions] = {}
    """Options that change what is said, by engine; only the chosen engine's are hashed."""

    @property
    def decides(self) -> dict[str, JsonValue]:
        """All that its verdicts depend on."""
        dumped = self.model_dump(mode="json", exclude_defaults=True)
        return {**dumped, "engines": {self.engine: self.engines.get(self.engine, {})}}
