import re
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from wfctl.core.errors import RecipeError
from wfctl.models.component import (
    add_user_code,
    bind_component,
    copy_user_code,
    find_component,
)

NETWORK = """\
from torch import nn

def wide(classes, width=8, *, depth):
    return nn.Linear(width, classes)

def any_options(classes, **options):
    return options

answer = 42
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A recipe's folder, on Python's path as `wfctl train` puts it there."""
    path, modules = list(sys.path), set(sys.modules)
    (tmp_path / "user_network.py").write_text(NETWORK)
    add_user_code(tmp_path)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name.startswith("user_"):
            del sys.modules[name]


def test_a_built_in_name_gives_its_class() -> None:
    from wfctl.models.digits import Digits

    assert find_component("data", "digits") is Digits


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(
        RecipeError, match=r"^model.name: unknown name 'digit-cnn' \(did you mean 'digits-cnn'"
    ):
        find_component("model", "digit-cnn")


def test_a_name_near_to_nothing_gets_the_list() -> None:
    with pytest.raises(RecipeError, match=r"unknown name '0000' \(built in: .*digits.*fizzbuzz"):
        find_component("data", "0000")


def test_the_users_own_module_is_found_beside_the_recipe(folder: Path) -> None:
    component = bind_component(
        "model", "user_network:wide", {"depth": 1}, {"classes": 3}, "model.options"
    )
    assert component.build.__module__ == "user_network"


def test_a_folder_is_put_on_the_path_once(folder: Path) -> None:
    add_user_code(folder)
    add_user_code(folder / "not-there")
    assert sys.path.count(str(folder)) == 1
    assert str(folder / "not-there") not in sys.path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere:Net", "there is no module 'nowhere' beside the recipe or installed"),
        ("user_network:wid", "'user_network' has no 'wid' that can be called; did you mean 'wide'"),
        ("user_network:answer", "'user_network' has no 'answer' that can be called"),
        ("user_network.deeper:Net", "there is no module 'user_network.deeper'"),
        (":Net", ":Net cannot be imported: ValueError"),
    ],
)
def test_a_reference_to_nothing_says_so(folder: Path, name: str, message: str) -> None:
    with pytest.raises(RecipeError, match=f"^model.name: {re.escape(message)}"):
        find_component("model", name)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import package_that_is_absent", "needs package_that_is_absent, which is not installed"),
        ("def f(:\n", r"cannot be imported: SyntaxError: .*user_broken.py, line 1"),
        ("1 / 0", "cannot be imported: ZeroDivisionError: division by zero"),
    ],
)
def test_a_module_that_fails_to_import_says_why(folder: Path, source: str, message: str) -> None:
    (folder / "user_broken.py").write_text(source)
    with pytest.raises(RecipeError, match=f"model.name: user_broken:f {message}") as caught:
        find_component("model", "user_broken:f")
    assert len(caught.value.faults) == 1


def test_all_wrong_and_missing_options_come_at_once(folder: Path) -> None:
    options = {"widht": 4, "colour": "red"}
    with pytest.raises(RecipeError) as caught:
        bind_component("model", "user_network:wide", options, {"classes": 2}, "model.options")
    assert caught.value.faults == (
        "model.options.widht: user_network:wide has no such option (did you mean 'width'?)",
        "model.options.colour: user_network:wide has no such option (it takes: width, depth)",
        "model.options.depth: user_network:wide needs this option",
    )


def test_an_option_that_wfctl_gives_itself_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"model.options.classes: .* is given this by wfctl"):
        bind_component("model", "digits-cnn", {"classes": 3}, {"classes": 10}, "model.options")


def test_a_network_that_does_not_take_the_number_of_classes_is_refused(folder: Path) -> None:
    (folder / "user_bare.py").write_text("def bare(): ...")
    with pytest.raises(RecipeError, match="user_bare:bare must take the argument classes"):
        bind_component("model", "user_bare:bare", {}, {"classes": 2}, "model.options")


def test_a_part_with_keyword_arguments_takes_any_option(folder: Path) -> None:
    component = bind_component(
        "model", "user_network:any_options", {"a": 1, "b": 2}, {"classes": 2}, "model.options"
    )
    assert component(classes=2) == {"a": 1, "b": 2}


def test_a_value_that_the_part_cannot_take_is_one_fault() -> None:
    component = bind_component(
        "model", "digits-cnn", {"width": "wide"}, {"classes": 10}, "model.options"
    )
    with pytest.raises(RecipeError, match=r"^model.name: digits-cnn cannot be built: TypeError: "):
        component(classes=10)


def test_copied_code_is_what_was_imported_from_the_folder(folder: Path) -> None:
    (folder / "user_package").mkdir()
    (folder / "user_package/__init__.py").write_text("")
    (folder / "user_package/network.py").write_text("from user_network import wide")
    (folder / "user_unused.py").write_text("")
    find_component("model", "user_package.network:wide")
    copy_user_code(folder, folder / "run/code")
    code = folder / "run/code"
    copied = {str(file.relative_to(code)) for file in code.rglob("*.py")}
    assert copied == {"user_network.py", "user_package/__init__.py", "user_package/network.py"}


def test_code_is_copied_also_when_training_starts_in_its_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the relative file names that some of torch's modules have would lie in it."""
    monkeypatch.chdir(folder)
    find_component("model", "user_network:wide")
    copy_user_code(Path(), folder / "run/code")
    assert (folder / "run/code/user_network.py").read_text() == NETWORK


def test_installed_packages_below_the_folder_are_not_copied(tmp_path: Path) -> None:
    """As when the recipe lies beside the `.venv` that wfctl runs in, or in wfctl's own checkout."""
    copy_user_code(Path(sysconfig.get_path("purelib")), tmp_path / "packages")
    copy_user_code(Path(__file__).parents[2], tmp_path / "checkout")
    assert not (tmp_path / "packages").exists()
    assert not (tmp_path / "checkout/core").exists()
