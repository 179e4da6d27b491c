"""Read a recipe from YAML, `--set` on top of it; all faults at once, each with its place."""

import copy
import difflib
import re
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from .errors import RecipeError
from .recipe import Recipe

BUILT_IN_FOLDER = Path(__file__).resolve().parent.parent / "recipes"
Location = tuple[str | int, ...]


class _Yaml12Loader(yaml.SafeLoader):
    """SafeLoader with YAML 1.2's scalars: `1e-3` is a number, `no` is a word, `010` is ten."""


class _Dumper(yaml.SafeDumper):
    """SafeDumper that quotes the words that either version of YAML would read as a number."""


_Yaml12Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag == "tag:yaml.org,2002:null"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", "-+."),
):
    for _either in (_Yaml12Loader, _Dumper):
        _either.add_implicit_resolver(
            f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first)
        )
_Yaml12Loader.add_constructor("tag:yaml.org,2002:int", lambda _loader, node: int(node.value))


@dataclass
class _Source:
    """A recipe's plain values, and where each of them was written."""

    name: str
    values: dict[str, Any] = field(default_factory=dict)
    places: dict[Location, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def place_of(self, location: Location) -> str:
        """The nearest known place at or above `location`."""
        for length in range(len(location), 0, -1):
            if location[:length] in self.places:
                return self.places[location[:length]]
        return self.name


def built_in_recipes() -> dict[str, Path]:
    """The recipes that wfctl ships: name -> YAML file."""
    return {path.stem: path for path in sorted(BUILT_IN_FOLDER.glob("*.yaml"))}


def find_recipe(name_or_path: str) -> Path:
    """The file of a built-in recipe or of a YAML path.

    Raises:
        RecipeError: neither exists; the nearest built-in name is given.
    """
    built_in = built_in_recipes()
    if name_or_path in built_in:
        return built_in[name_or_path]
    path = Path(name_or_path)
    if path.is_file():
        return path
    if path.is_dir():
        raise RecipeError([f"{path}: is a folder; name the recipe's YAML file in it"])
    if path.suffix in {".yaml", ".yml"} or len(path.parts) > 1:
        raise RecipeError([f"{path}: there is no such recipe file"])
    raise RecipeError([f"unknown recipe {name_or_path!r}{_nearest(name_or_path, built_in)}"])


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read and check a recipe.

    Args:
        path: the YAML file.
        overrides: `a.b=value`, each value read as YAML and checked by the schema.

    Raises:
        RecipeError: with every fault, its file and line (or its `--set`), and the nearest key.
    """
    return _validate(_read(path), overrides)


def recipe_from_values(
    values: Mapping[str, Any], overrides: Sequence[str] = (), name: str = "recipe"
) -> Recipe:
    """`load_recipe` for plain values, such as the recipe in a manifest; `name` is for messages."""
    return _validate(_Source(name, copy.deepcopy(dict(values))), overrides)


def dump_recipe(recipe: Recipe) -> str:
    """A recipe as YAML with every value written out, defaults included."""
    values = recipe.model_dump(mode="json")
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, default_flow_style=None)


def _validate(source: _Source, overrides: Sequence[str]) -> Recipe:
    for override in overrides:
        _apply_override(source, override)
    try:
        recipe = Recipe.model_validate(source.values)
    except ValidationError as error:
        source.faults.extend(_describe(source, details) for details in error.errors())
    if source.faults:
        raise RecipeError(source.faults)
    return recipe


def _read(path: Path) -> _Source:
    source = _Source(path.name)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError([f"{path}: cannot be read as UTF-8 text ({error})"]) from error
    loader = None
    try:
        loader = _Yaml12Loader(text)
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode) or node.tag != "tag:yaml.org,2002:map":
            raise RecipeError([f"{path.name}:1: expected keys and values, such as `name: digits`"])
        _note_places(source, node, ())
        source.values = loader.construct_document(node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or error
        raise RecipeError([f"{path.name}:{line}: not valid YAML: {problem}"]) from error
    except RecursionError as error:
        raise RecipeError([f"{path.name}: nested too deeply, or an alias in itself"]) from error
    except ValueError as error:  # such as `!!int many`
        raise RecipeError([f"{path.name}: not valid YAML: {error}"]) from error
    finally:
        if loader is not None:
            loader.dispose()
    return source


def _note_places(source: _Source, node: yaml.Node, location: Location) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue  # no such key can be constructed: the loader says so, with the place
            place = f"{source.name}:{key.start_mark.line + 1}"
            if key.value in seen:
                dotted = ".".join(map(str, (*location, key.value)))
                source.faults.append(f"{place}: {dotted}: the key stands here a second time")
            seen.add(key.value)
            source.places[(*location, key.value)] = place
            _note_places(source, value, (*location, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            source.places[(*location, index)] = f"{source.name}:{value.start_mark.line + 1}"
            _note_places(source, value, (*location, index))


def _apply_override(source: _Source, override: str) -> None:
    key, equals, text = override.partition("=")
    keys = tuple(key.strip().split("."))
    place = f"--set {override}"
    if not equals or not all(keys):
        source.faults.append(f"{place}: expected KEY=VALUE, such as --set train.epochs=5")
        return
    try:
        value = yaml.load(text, Loader=_Yaml12Loader)
    except yaml.YAMLError:
        source.faults.append(f"{place}: the value is not valid YAML")
        return
    section = source.values
    for part in keys[:-1]:
        below = section.setdefault(part, {})
        if not isinstance(below, dict):
            below = section[part] = {}
        section = below
    section[keys[-1]] = value
    source.places[keys] = place


def _describe(source: _Source, error: ErrorDetails) -> str:
    location = _without_union_tags(error["loc"])
    dotted = ".".join(map(str, location))
    place = source.place_of(location)
    if error["type"] == "extra_forbidden":
        valid = _fields_at(location[:-1], source.values)
        return f"{place}: {dotted}: unknown key{_nearest(str(location[-1]), valid)}"
    if error["type"].startswith("union_tag_"):  # the key that says which of several kinds it is
        place, valid = source.place_of((*location, "kind")), _kinds_at(location)
        if error["type"] == "union_tag_invalid":
            given = error["input"]["kind"]
            return f"{place}: {dotted}.kind: unknown kind {given!r}{_nearest(str(given), valid)}"
        return f"{place}: {dotted}.kind: this key is required{_nearest('', valid)}"
    if error["type"] == "model_type":
        given = error["input"]
        return f"{place}: {dotted}: expected keys and values, but the value is {given!r}"
    if error["type"] == "missing":
        return f"{place}: {dotted}: this key is required"
    message = error["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    given = error["input"]
    shown = "" if isinstance(given, Mapping) else f", but the value is {given!r}"
    return f"{place}: {dotted}: {message}{shown}"


def _without_union_tags(location: tuple[int | str, ...]) -> Location:
    """`('preprocess', 'image', 'size')` -> `('preprocess', 'size')`."""
    if location[:1] == ("preprocess",) and len(location) > 1:
        return (location[0], *location[2:])
    return tuple(location)


def _fields_at(location: Location, values: Mapping[str, Any]) -> list[str]:
    """The keys that the schema has at `location`."""
    models = _models_at(location)
    for key in location:
        values = values.get(str(key), {})
    kind = values.get("kind") if isinstance(values, Mapping) else None
    chosen = [
        model
        for model in models
        if kind is None or kind in typing.get_args(_kind_annotation(model))
    ]
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
        annotations = [
            model.model_fields[str(key)].annotation
            for model in models
            if str(key) in model.model_fields
        ]
        models = [part for annotation in annotations for part in _models_in(annotation)]
    return models


def _kind_annotation(model: type[BaseModel]) -> Any:
    return model.model_fields["kind"].annotation if "kind" in model.model_fields else None


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if typing.get_origin(annotation) in {typing.Union, types.UnionType, typing.Annotated}:
        return [model for part in typing.get_args(annotation) for model in _models_in(part)]
    return []


def _nearest(name: str, valid: Iterable[str]) -> str:
    """` (did you mean X?)`, or the list of what is valid."""
    valid = list(valid)
    close = difflib.get_close_matches(name, valid, n=1, cutoff=0.5)
    if close:
        return f" (did you mean {close[0]!r}?)"
    return f" (valid: {', '.join(valid)})" if valid else ""
