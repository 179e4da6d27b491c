"""Names in a recipe to callables, with their options checked before anything is built."""

import difflib
import importlib
import inspect
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import RecipeError
from .registry import REGISTRIES, Kind

RECIPE_KEYS: Mapping[Kind, str] = {
    "data": "data.source",
    "model": "model.name",
    "loss": "train.loss",
}


@dataclass(frozen=True)
class Component:
    """A callable that a recipe names, and the options it will be called with."""

    build: Callable[..., Any]
    options: Mapping[str, Any]

    def __call__(self, **arguments: Any) -> Any:
        """Build it: the options of the recipe with `arguments` on top."""
        return self.build(**{**self.options, **arguments})


def find_component(kind: Kind, name: str) -> Callable[..., Any]:
    """The callable of a built-in name or of the user's own `package.module:name`.

    Raises:
        RecipeError: there is none; the nearest built-in name, or what failed to import, is given.
    """
    key = RECIPE_KEYS[kind]
    registry = REGISTRIES[kind]
    reference = registry.get(name, name)
    module_name, colon, attribute = reference.partition(":")
    if not colon:
        close = difflib.get_close_matches(name, registry, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]!r}" if close else f"built in: {', '.join(sorted(registry))}"
        raise RecipeError([f"{key}: unknown name {name!r} ({hint}; or package.module:name)"])
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and module_name.partition(".")[0] != error.name.partition(".")[0]:
            raise RecipeError(
                [f"{key}: {name} needs {error.name}, which is not installed"]
            ) from error
        raise RecipeError([f"{key}: there is no module {module_name!r} beside the recipe or "
                           "installed"]) from error  # fmt: skip
    found = getattr(module, attribute, None)
    if not callable(found):
        valid = [each for each, value in vars(module).items() if callable(value)]
        close = difflib.get_close_matches(attribute, valid, n=1, cutoff=0.5)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise RecipeError([f"{key}: {module_name!r} has no {attribute!r} that can be called{hint}"])
    return found  # type: ignore[no-any-return]


def bind_component(
    kind: Kind, name: str, options: Mapping[str, Any], given: Mapping[str, Any], options_key: str
) -> Component:
    """A component whose call is known to fit its signature, without building it.

    Args:
        options: what the recipe says.
        given: what wfctl adds when it builds.
        options_key: the recipe's key of `options`, for messages.

    Raises:
        RecipeError: an unknown or a missing option; all of them at once.
    """
    build = find_component(kind, name)
    parameters = inspect.signature(build).parameters
    takes_any = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    valid = [each for each, value in parameters.items() if value.kind is not value.VAR_POSITIONAL
             and each not in given]  # fmt: skip
    faults = []
    for option in options:
        if option not in parameters and not takes_any:
            close = difflib.get_close_matches(option, valid, n=1, cutoff=0.5)
            hint = f"did you mean {close[0]!r}?" if close else f"it takes: {', '.join(valid)}"
            faults.append(f"{options_key}.{option}: {name} has no such option ({hint})")
    for each, value in parameters.items():
        needed = value.default is value.empty and value.kind in {
            value.POSITIONAL_OR_KEYWORD, value.KEYWORD_ONLY}  # fmt: skip
        if needed and each not in options and each not in given:
            faults.append(f"{options_key}.{each}: {name} needs this option")
    if not takes_any and any(each not in parameters for each in given):
        missing = ", ".join(each for each in given if each not in parameters)
        faults.append(f"{RECIPE_KEYS[kind]}: {name} must take the argument {missing}")
    if faults:
        raise RecipeError(faults)
    return Component(build, dict(options))


def add_user_code(folder: Path) -> None:
    """Let `package.module:name` find modules in a folder: the recipe's, or a run's `code/`."""
    path = str(folder.resolve())
    if path not in sys.path:
        sys.path.insert(0, path)


def copy_user_code(source: Path, target: Path) -> None:
    """Copy the modules that were imported from below `source`, so that export finds them again."""
    source = source.resolve()
    files = [Path(file) for module in list(sys.modules.values())
             if (file := getattr(module, "__file__", None))]  # fmt: skip
    for file in files:
        if file.suffix == ".py" and file.resolve().is_relative_to(source):
            copy = target / file.resolve().relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
