"""A student's tokenizer and chat template, as the trainers call them. ``transformers`` is imported when asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tracegen.errors import MissingDependency, UserError, first_line
from tracegen.students import Student

TOKENIZERS_OWN = "tokenizer"
"""In the place of a template's file: the template that came with the tokenizer."""

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
NAME_ANOTHER = "name a folder that has a tokenizer with --tokenizer, or a name of the hub"

Messages = Sequence[Mapping[str, str]]


@dataclass(slots=True)
class Renderer:
    """Turns to text, and text to token ids."""

    tokenizer: Any
    """A ``transformers`` tokenizer."""
    template: str
    is_students: bool
    """The template is the one that ships with the student."""
    generation_prompt: str = field(init=False, default="")
    """What the template puts before an assistant's turn."""

    def __post_init__(self) -> None:
        self.tokenizer("")  # leaves out a limit or a padding that came with the tokenizer's file, as each call does
        asked = [{"role": "user", "content": "Q"}]
        try:
            plain, asking = self.render(asked), self.render(asked, generation=True)
        except UserError as error:
            if error.__cause__:
                raise
            return  # the rows will tell
        self.generation_prompt = asking[len(plain) :] if asking.startswith(plain) else ""

    @property
    def bos(self) -> str:
        return str(self.tokenizer.bos_token or "")

    @property
    def eos(self) -> str:
        return str(self.tokenizer.eos_token or "")

    def render(self, messages: Messages, *, generation: bool = False) -> str:
        """Raises UserError for turns that the template refuses; with a cause, for a template that is none."""
        from jinja2 import TemplateError, TemplateSyntaxError

        try:
            text = self.tokenizer.apply_chat_template(
                list(messages), chat_template=self.template, tokenize=False, add_generation_prompt=generation
            )
        except TemplateSyntaxError as error:
            raise UserError(f"the chat template is wrong in line {error.lineno}: {first_line(error)}") from error
        except (TemplateError, TypeError) as error:
            raise UserError(f"the chat template refuses it: {first_line(error)}") from None
        return str(text)

    def encode(self, texts: Sequence[str], *, special: bool = False) -> list[list[int]]:
        """Token ids of each text; ``special``: the tokenizer may add its own, as a beginning of the sentence."""
        if not texts:
            return []
        if self.tokenizer.is_fast:  # half as fast again as the call below, which also keeps where each token was
            encoded = self.tokenizer.backend_tokenizer.encode_batch_fast(list(texts), add_special_tokens=special)
            return [one.ids for one in encoded]
        found = self.tokenizer(list(texts), add_special_tokens=special, return_attention_mask=False, verbose=False)
        ids: list[list[int]] = found["input_ids"]
        return ids

    def split_tokens(self, tokens: Sequence[str]) -> tuple[str, ...]:
        """Those that are not one token each."""
        return tuple(token for token, ids in zip(tokens, self.encode(tokens), strict=True) if len(ids) != 1)


def load_renderer(student: Student, tokenizer: str = "", template: str = "") -> Renderer:
    """A student's renderer, or one with another tokenizer (folder or hub id) or template (file, or ``tokenizer``).

    Raises MissingDependency, and UserError for what cannot be loaded.
    """
    loaded = load_tokenizer(tokenizer or student.tokenizer)
    if not template:
        return Renderer(loaded, student.template, is_students=True)
    if template != TOKENIZERS_OWN:
        return Renderer(loaded, _template_file(template), is_students=False)
    if not loaded.chat_template:
        raise UserError(f"the tokenizer {loaded.name_or_path} has no chat template", hint="name a .jinja file")
    return Renderer(loaded, str(loaded.chat_template), is_students=False)


def load_tokenizer(name: str) -> Any:
    """A tokenizer by folder or hub id. Raises MissingDependency, UserError."""
    _require_tokenizer(name)
    try:
        from transformers import AutoTokenizer
    except ImportError:
        raise MissingDependency(
            "rendering rows needs transformers, which is not installed",
            hint="pip install 'transformers>=4.50' 'jinja2>=3.1'",
        ) from None
    try:
        return AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot load the tokenizer {name}: {first_line(error)}", hint=NAME_ANOTHER) from None


def _require_tokenizer(name: str) -> None:
    """What is no folder is asked for at the hub, whose words about a path do not help."""
    folder = Path(name)
    if folder.is_dir() and not any((folder / file).is_file() for file in TOKENIZER_FILES):
        raise UserError(f"no tokenizer in {name}: neither {' nor '.join(TOKENIZER_FILES)} is there", hint=NAME_ANOTHER)
    if not folder.is_dir() and (name.count("/") > 1 or name.startswith(("/", ".", "~"))):
        raise UserError(f"no tokenizer at {name}: no such folder", hint=NAME_ANOTHER)


def _template_file(path: str) -> str:
    try:
        return Path(path).expanduser().read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"no chat template {path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the chat template {path}: {first_line(error)}") from None
