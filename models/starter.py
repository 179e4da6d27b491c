"""A built-in recipe and the modules it names, copied for a user to edit."""

import importlib.util
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from ..core.errors import UsageError
from ..core.recipe_file import built_in_recipes, find_recipe
from .registry import Kind, starter_reference

# Where a recipe names Python code. The third such key, train.loss, names functions of torch.
PARTS: Mapping[Kind, tuple[str, str]] = {"data": ("data", "source"), "model": ("model", "name")}


def write_starter(recipe: str, folder: Path) -> tuple[Path, list[Path]]:
    """Copy a built-in recipe to `folder/recipe.yaml`, and the modules it names beside it.

    Returns:
        The recipe's file, and those of the modules.

    Raises:
        RecipeError: there is no such recipe.
        UsageError: `recipe` is a file of the user's own, or `folder` is not empty.
    """
    if recipe not in built_in_recipes():
        file = find_recipe(recipe)
        raise UsageError(f"{file}: init copies built-in recipes ({', '.join(built_in_recipes())})")
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UsageError(f"{folder}: is not an empty folder; name one that is new or empty")
    text, references = _rewrite(built_in_recipes()[recipe].read_text(encoding="utf-8"))
    sources = {f"{name.rpartition('.')[2]}.py": _source_of(name) for name in references}
    _write_folder(folder, text, sources)
    return folder / "recipe.yaml", [folder / name for name in sources]


def _rewrite(text: str) -> tuple[str, list[str]]:
    """The recipe with its copied parts named as the user's own, and the modules to copy."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert root is not None
    modules: list[str] = []
    edits: list[tuple[int, int, str]] = []  # from, to, replacement
    for kind, keys in PARTS.items():
        scalar = _scalar_at(root, keys)
        reference = starter_reference(kind, scalar.value)
        if reference is None:
            continue
        module, _, name = reference.partition(":")
        if module not in modules:
            modules.append(module)
        start, line_end = scalar.start_mark.index, text.index("\n", scalar.end_mark.index)
        copied = module.rpartition(".")[2]
        edits.append((start, line_end, f"{copied}:{name}  # in {copied}.py, beside this recipe"))
    for start, end, replacement in sorted(edits, reverse=True):  # from the end: indices stay right
        text = text[:start] + replacement + text[end:]
    return text, modules


def _scalar_at(node: yaml.Node, keys: Sequence[str]) -> yaml.ScalarNode:
    for key in keys:
        assert isinstance(node, yaml.MappingNode)
        node = next(value for name, value in node.value if name.value == key)
    assert isinstance(node, yaml.ScalarNode)
    return node


def _source_of(module: str) -> Path:
    """The file of a module, without importing it."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin)


def _write_folder(folder: Path, recipe: str, sources: Mapping[str, Path]) -> None:
    """Write the folder whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
        staged = Path(temporary) / "staged"
        staged.mkdir()
        (staged / "recipe.yaml").write_text(recipe, encoding="utf-8")
        for name, source in sources.items():
            shutil.copyfile(source, staged / name)
        if folder.exists():  # it may be someone's current folder: fill it, do not replace it
            for file in sorted(staged.iterdir()):
                file.rename(folder / file.name)
        else:
            staged.rename(folder)
