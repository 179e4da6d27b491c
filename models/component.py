"""Names in a recipe to callables, with their options checked before anything is built."""

import difflib
import importlib
import inspect
import shutil
import sys
import sysconfig
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import RecipeError, WfctlError
from .registry import FAMILIES, REGISTRIES, Kind

RECIPE_KEYS: Mapping[Kind, str] = {
    "data": "data.source",
    "model": "model.name",
    "loss": "train.loss",
    "step": "train.step",
}


@dataclass(frozen=True)
class Component:
    """A callable that a recipe names, and the options it will be called with.

    Args:
        origin: the recipe's key and the name it gives, for messages.
    """

    build: Callable[..., Any]
    options: Mapping[str, Any]
    origin: str

    def __call__(self, **arguments: Any) -> Any:
        """Build it from the options of the recipe and `arguments`.

        Raises:
            RecipeError: it does not take these values; what it said is given.
        """
        try:
            return self.build(**self.options, **arguments)
        except (WfctlError, ModuleNotFoundError, OSError):
            raise
        except Exception as error:  # of any kind: it may be the user's own code
            raise RecipeError([f"{self.origin} cannot be built: {_in_a_line(error)}"]) from error


def find_component(kind: Kind, name: str) -> Callable[..., Any]:
    """The callable of a built-in name or of the user's own `package.module:name`.

    Raises:
        RecipeError: there is none; the nearest built-in name, or what failed to import, is given.
    """
    key = RECIPE_KEYS[kind]
    registry = REGISTRIES[kind]
    reference = registry.get(name, name)
    module_name, colon, attribute = reference.partition(":")
    family = FAMILIES.get((kind, module_name))
    if family is not None:
        return _member(family, attribute)
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
    except Exception as error:  # of any kind: it is the user's own code
        raise RecipeError([f"{key}: {name} cannot be imported: {_in_a_line(error)}"]) from error
    found = getattr(module, attribute, None)
    if not callable(found):
        valid = [each for each, value in vars(module).items() if callable(value)]
        close = difflib.get_close_matches(attribute, valid, n=1, cutoff=0.5)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise RecipeError([f"{key}: {module_name!r} has no {attribute!r} that can be called{hint}"])
    return found  # type: ignore[no-any-return]


def _member(family: str, name: str) -> Callable[..., Any]:
    """The callable of `family:name`, such as torchvision's builder of a network."""
    module_name, _, attribute = family.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module_name), attribute)(name)
    return found


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
    try:
        parameters = inspect.signature(build).parameters
    except ValueError as error:
        raise RecipeError([f"{RECIPE_KEYS[kind]}: {name} does not say what it takes"]) from error
    takes_any = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    valid = [each for each, value in parameters.items() if value.kind is not value.VAR_POSITIONAL
             and each not in given]  # fmt: skip
    faults = []
    for option in options:
        if option in given:
            faults.append(f"{options_key}.{option}: {name} is given this by wfctl; leave it out")
        elif option not in parameters and not takes_any:
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
    return Component(build, dict(options), f"{RECIPE_KEYS[kind]}: {name}")


def _in_a_line(error: Exception) -> str:
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def add_user_code(folder: Path) -> None:
    """Let `package.module:name` find modules in a folder: the recipe's, or a run's `code/`."""
    path = str(folder.resolve())
    if folder.is_dir() and path not in sys.path:
        sys.path.insert(0, path)


def copy_user_code(source: Path, target: Path) -> None:
    """Copy the modules that were imported from below `source`, so that export finds them again."""
    source = source.resolve()
    files = [Path(file).resolve() for name, module in list(sys.modules.items())
             if (file := getattr(module, "__file__", None))
             and name.partition(".")[0] != __name__.partition(".")[0]]  # fmt: skip
    for file in files:
        # A module may name a file that is not there: torch.ops says `_ops.py`, in any folder.
        ours = file.is_relative_to(source) and not _is_installed(file)
        if ours and file.suffix == ".py" and file.is_file():
            copy = target / file.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)


def _is_installed(file: Path) -> bool:
    """Whether a module belongs to Python or to a package, as in a `.venv` beside the recipe."""
    places = {Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib", "platlib")}
    return any(file.is_relative_to(place) for place in places)
