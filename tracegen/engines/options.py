"""Options of an engine, from a recipe's mapping to the engine's own closed model. Knows no engine by name."""

from difflib import get_close_matches
from typing import Any, Protocol, get_args

from pydantic import BaseModel, ValidationError

from tracegen.errors import RecipeError
from tracegen.protocols import Engine
from tracegen.recipe import EngineOptions, Teacher
from tracegen.types import Value


class EngineClass(Protocol):
    """What the composition root relies on in an engine's class, built in or plugged in."""

    Options: type[Any]

    def __call__(self, teacher: Teacher, options: Any, slots: int) -> Engine:
        """Cheap: no model is loaded before ``start``."""

    def preflight(self, teacher: Teacher, options: Any, slots: int) -> None:
        """Raises MissingDependency or RecipeError for what can be known without loading a model."""


def parse_options(engine_name: str, engine_cls: EngineClass, raw: EngineOptions) -> Value:
    """The engine's options, checked. Raises RecipeError: one line, with the nearest known key."""
    model: type[Value] = engine_cls.Options
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        location, kind, text = first["loc"], first["type"], first["msg"]
        raise _as_recipe_error(engine_name, model, location, text if kind != "extra_forbidden" else "") from None


def _as_recipe_error(
    engine_name: str, model: type[BaseModel], location: tuple[int | str, ...], text: str
) -> RecipeError:
    name = ".".join(str(part) for part in location)
    if text:
        return RecipeError(f"engine {engine_name}: option {name!r}: {text[0].lower()}{text[1:]}")
    known = list(_model_at(model, location[:-1]).model_fields)
    return RecipeError(f"engine {engine_name}: unknown option {name!r}", hint=nearest(str(location[-1]), known))


def _model_at(model: type[BaseModel], location: tuple[int | str, ...]) -> type[BaseModel]:
    """The model that a path of field names leads to; keys of mappings and members of unions are passed over."""
    for part in location:
        field = model.model_fields.get(str(part))
        if field is not None:
            model = next(_models_within(field.annotation), model)
    return model


def _models_within(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_within(argument)


def nearest(word: str, known: list[str]) -> str:
    """A hint for a misspelt word: the nearest known one, or all of them."""
    near = get_close_matches(word, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known))}"
