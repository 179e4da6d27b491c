"""What the schema found wrong in a recipe, in words that name the key and what is valid."""

import difflib
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from .recipe import Recipe

Location = tuple[str | int, ...]  # of a value: keys, and positions in lists


def describe_faults(
    error: ValidationError, values: Mapping[str, Any], place_of: Callable[[Location], str]
) -> list[str]:
    """One line for each value that is wrong: `<place>: <key>: <what is wrong>`.

    Args:
        values: what was validated.
        place_of: where the value at a location was written.
    """
    reasons: dict[Location, list[str]] = {}
    for details in error.errors():
        location = _location(details, values)
        reason = _reason(details, location, values)
        if details["type"].startswith("union_tag_"):
            location = (*location, "kind")
        reasons.setdefault(location, []).append(reason)
    return [
        f"{place_of(location)}: {'.'.join(map(str, location))}: {'; or '.join(found)}"
        for location, found in reasons.items()
    ]


def nearest(name: str, valid: Iterable[str]) -> str:
    """` (did you mean X?)`, or the list of what is valid."""
    valid = list(valid)
    close = difflib.get_close_matches(name, valid, n=1, cutoff=0.5)
    if close:
        return f" (did you mean {close[0]!r}?)"
    return f" (valid: {', '.join(valid)})" if valid else ""


def _location(error: ErrorDetails, values: Any) -> Location:
    """pydantic's location without its names for the alternatives of a union."""
    location: list[str | int] = []
    for part in error["loc"]:
        in_mapping = isinstance(values, Mapping) and part in values
        in_list = isinstance(values, list) and isinstance(part, int) and part < len(values)
        if in_mapping or in_list:
            values = values[part]
        elif part is not error["loc"][-1] or error["type"] != "missing":
            continue
        location.append(part)
    return tuple(location)


def _reason(error: ErrorDetails, location: Location, values: Mapping[str, Any]) -> str:
    given = error["input"]
    match error["type"]:
        case "extra_forbidden":
            valid = _fields_at(location[:-1], values)
            return f"unknown key{nearest(str(location[-1]), valid)}"
        case "union_tag_invalid":
            kind = given["kind"]
            return f"unknown kind {kind!r}{nearest(str(kind), _kinds_at(location))}"
        case "union_tag_not_found":
            return f"this key is required{nearest('', _kinds_at(location))}"
        case "model_type" | "model_attributes_type":
            return f"expected keys and values, but the value is {given!r}"
        case "missing":
            return "this key is required"
    message = error["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:].replace("a valid tuple", "a list")
    return message if isinstance(given, Mapping) else f"{message}, but the value is {given!r}"


def _fields_at(location: Location, values: Any) -> list[str]:
    """The keys that the schema has at `location`; where `kind` chooses, those of the one chosen."""
    for key in location:
        values = values[key]
    kind = values.get("kind") if isinstance(values, Mapping) else None
    models = _models_at(location)
    chosen = [model for model in models if kind in typing.get_args(_kind_annotation(model))]
    return sorted({name for model in chosen or models for name in model.model_fields})


def _kinds_at(location: Location) -> list[str]:
    """The values that `kind` may have at `location`."""
    return [
        str(kind)
        for model in _models_at(location)
        for kind in typing.get_args(_kind_annotation(model))
    ]


def _models_at(location: Location) -> list[type[BaseModel]]:
    """The models that may stand at `location`; several where `kind` chooses."""
    models: list[type[BaseModel]] = [Recipe]
    for key in location:
        if isinstance(key, int):  # the items of a list are all of the list's models
            continue
        annotations = [
            model.model_fields[key].annotation for model in models if key in model.model_fields
        ]
        models = [part for annotation in annotations for part in _models_in(annotation)]
    return models


def _kind_annotation(model: type[BaseModel]) -> Any:
    return model.model_fields["kind"].annotation if "kind" in model.model_fields else None


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if typing.get_origin(annotation) in {
        typing.Union,
        types.UnionType,
        typing.Annotated,
        tuple,
        list,
    }:
        return [model for part in typing.get_args(annotation) for model in _models_in(part)]
    return []
