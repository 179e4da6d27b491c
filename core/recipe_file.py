"""Read a recipe from YAML, `--set` on top of it; all faults at once, each with its place."""

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from .errors import RecipeError
from .recipe import Recipe
from .recipe_faults import Location, describe_faults, nearest

BUILT_IN_FOLDER = Path(__file__).resolve().parent.parent / "recipes"


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
    raise RecipeError([f"unknown recipe {name_or_path!r}{nearest(name_or_path, built_in)}"])


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
    return yaml.dump(
        values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None
    )


def _validate(source: _Source, overrides: Sequence[str]) -> Recipe:
    for override in overrides:
        _apply_override(source, override)
    try:
        recipe = Recipe.model_validate(source.values)
    except ValidationError as error:
        source.faults.extend(describe_faults(error, source.values, source.place_of))
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
