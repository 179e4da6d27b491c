import ast
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from wfctl.cli.init import command
from wfctl.core.errors import RecipeError, UsageError
from wfctl.core.recipe_file import built_in_recipes, load_recipe
from wfctl.models.registry import starter_reference


def init(*arguments: str | Path) -> str:
    result = CliRunner().invoke(command, [*map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("name", built_in_recipes())
def test_copy_differs_from_the_recipe_only_in_what_it_names(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "mine"
    assert init(name, folder) == f"{folder / 'recipe.yaml'}\n"

    built_in, copy = load_recipe(built_in_recipes()[name]), load_recipe(folder / "recipe.yaml")
    copied = {
        copy.data.source: starter_reference("data", built_in.data.source),
        copy.model.name: starter_reference("model", built_in.model.name),
    }
    changes = {
        "data": built_in.data.model_copy(update={"source": copy.data.source}),
        "model": built_in.model.model_copy(update={"name": copy.model.name}),
    }
    assert built_in.model_copy(update=changes) == copy
    modules = set()
    for reference, original in copied.items():
        if original is None:
            continue
        assert original.endswith(f".{reference}")
        module, _, attribute = reference.partition(":")
        modules.add(f"{module}.py")
        tree = ast.parse((folder / f"{module}.py").read_text())
        assert attribute in {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    assert {file.name for file in folder.iterdir()} == modules | {"recipe.yaml"}


def test_comments_of_the_recipe_are_kept(tmp_path: Path) -> None:
    init("digits", tmp_path / "mine")
    before = built_in_recipes()["digits"].read_text().splitlines()
    after = (tmp_path / "mine" / "recipe.yaml").read_text().splitlines()
    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    assert changed == [
        "  source: digits:Digits  # in digits.py, beside this recipe",
        "  name: digits:DigitsCnn  # in digits.py, beside this recipe",
    ]


@pytest.mark.parametrize("name", built_in_recipes())
def test_copied_code_needs_nothing_of_wfctl(name: str, tmp_path: Path) -> None:
    init(name, tmp_path / "mine")
    for file in (tmp_path / "mine").glob("*.py"):
        imports = [node for node in ast.walk(ast.parse(file.read_text()))
                   if isinstance(node, ast.Import | ast.ImportFrom)]  # fmt: skip
        names = {alias.name.split(".")[0] for node in imports if isinstance(node, ast.Import)
                 for alias in node.names}  # fmt: skip
        names |= {(node.module or "").split(".")[0]
                  for node in imports if isinstance(node, ast.ImportFrom)}  # fmt: skip
        assert all(not node.level for node in imports if isinstance(node, ast.ImportFrom))
        assert names - sys.stdlib_module_names <= {"torch", "sklearn", "numpy"}


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    init("fizzbuzz", tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["fizzbuzz.py", "recipe.yaml"]


def test_the_current_folder_is_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    assert init("fizzbuzz", ".") == "recipe.yaml\n"
    assert sorted(map(str, Path().iterdir())) == ["fizzbuzz.py", "recipe.yaml"]
    assert [file.name for file in tmp_path.iterdir()] == ["empty"]


@pytest.mark.parametrize("occupied", ["file", "folder"])
def test_what_is_there_is_left_alone(occupied: str, tmp_path: Path) -> None:
    target = tmp_path / "mine"
    if occupied == "file":
        target.write_text("keep")
    else:
        target.mkdir()
        (target / "notes.txt").write_text("keep")
    with pytest.raises(UsageError, match="mine: is not an empty folder"):
        init("digits", target)
    kept = target if occupied == "file" else target / "notes.txt"
    assert kept.read_text() == "keep"
    assert len(list(tmp_path.rglob("*"))) == (1 if occupied == "file" else 2)


def test_unknown_recipe_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"unknown recipe 'digit' \(did you mean 'digits'\?\)"):
        init("digit", tmp_path / "mine")
    assert list(tmp_path.iterdir()) == []


def test_a_recipe_of_ones_own_is_not_copied(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("name: own\n")
    with pytest.raises(UsageError, match="init copies built-in recipes"):
        init(own, tmp_path / "mine")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["digits", "fizzbuzz", "tabular"])  # their data needs no download
def test_the_copy_trains(name: str, tmp_path: Path) -> None:
    init(name, tmp_path / "mine")
    command = [sys.executable, "-m", "wfctl.cli.main", "train", "mine/recipe.yaml",
               "--set", "train.epochs=1", "--device", "cpu"]  # fmt: skip
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    run = tmp_path / done.stdout.strip()
    assert (run / "recipe.yaml").is_file()
