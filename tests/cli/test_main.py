import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from wfctl import __version__
from wfctl.cli import main as main_module
from wfctl.cli.main import COMMANDS, cli, run
from wfctl.core.errors import CheckFailed, Inconclusive, InvalidMeasurement, RecipeError

PYTHON = sys.executable
Doctor = Callable[[Callable[[], None]], None]


def wfctl(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [PYTHON, "-m", "wfctl.cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def doctor_does(monkeypatch: pytest.MonkeyPatch) -> Doctor:
    """Gives `wfctl doctor` another body."""

    def replace(body: Callable[[], None]) -> None:
        command = click.Command("doctor", callback=body)
        monkeypatch.setattr(cli, "get_command", lambda _ctx, _name: command)

    return replace


def raising(error: BaseException) -> Callable[[], None]:
    def body() -> None:
        raise error

    return body


def test_version() -> None:
    assert CliRunner().invoke(cli, ["--version"]).output == f"wfctl {__version__}\n"


def test_help_lists_every_command_in_order() -> None:
    output = CliRunner().invoke(cli, ["--help"]).output
    table = output.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in table] == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0, result.output
    examples = result.output.partition("Example")[2]
    assert f"wfctl {name}" in examples


def test_no_command_shows_the_help_and_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    output = capsys.readouterr()
    assert "Commands:" in output.err
    assert output.out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "no such command 'trian' (did you mean 'train'?)"),
        (["xyzzy"], "no such command 'xyzzy' (commands: recipes, init, train,"),
        (["recipes", "--jsn"], "No such option '--jsn'. Did you mean '--json'?"),
        (["init", "digits"], "Missing argument 'DIR'. See `wfctl init --help`."),
    ],
)
def test_wrong_usage_is_one_line_and_exits_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    output = capsys.readouterr()
    assert output.err.startswith("wfctl: error: ")
    assert message in output.err
    assert output.err.count("\n") == 1
    assert output.out == ""


@pytest.mark.parametrize(
    ("error", "exit_code", "message"),
    [
        (CheckFailed("golden sample 3 departs"), 1, "golden sample 3 departs"),
        (InvalidMeasurement("the clock stood still"), 3, "the clock stood still"),
        (Inconclusive("too noisy"), 4, "too noisy"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (PermissionError(errno.EACCES, "Permission denied", "runs/x"), 2,
         "permission denied: runs/x"),
        (OSError(errno.ENOSPC, "No space left on device", "runs/model.onnx"), 2,
         "no space left on device: runs/model.onnx; free space and run again"),
        (OSError(errno.ENOSPC, "No space left on device"), 2,
         "no space left on device; free space and run again"),
        (ModuleNotFoundError("No module named 'torch'", name="torch"), 2,
         "torch is not installed: pip install 'wfctl[train]'"),
        (ModuleNotFoundError("No module named 'onnxruntime.capi'", name="onnxruntime.capi"), 2,
         "onnxruntime.capi is not installed: pip install wfctl"),
        (click.ClickException("a sentence"), 1, "a sentence"),
    ],
)  # fmt: skip
def test_an_error_is_one_line_and_its_exit_code(
    doctor_does: Doctor,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    exit_code: int,
    message: str,
) -> None:
    doctor_does(raising(error))
    assert run(["doctor"]) == exit_code
    output = capsys.readouterr()
    assert output.err.strip().splitlines() == [f"wfctl: error: {message}"]
    assert output.out == ""


def test_every_fault_of_a_recipe_is_a_line(
    doctor_does: Doctor, capsys: pytest.CaptureFixture[str]
) -> None:
    doctor_does(raising(RecipeError(["a.yaml:1: name: one", "a.yaml:2: task: two"])))
    assert run(["doctor"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "wfctl: error: a.yaml:1: name: one",
        "wfctl: error: a.yaml:2: task: two",
    ]


@pytest.mark.parametrize("how", ["option", "environment"])
def test_debug_shows_the_traceback(
    doctor_does: Doctor,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    how: str,
) -> None:
    doctor_does(raising(CheckFailed("no")))
    if how == "environment":
        monkeypatch.setenv("WFCTL_DEBUG", "1")
    assert run(["--debug", "doctor"] if how == "option" else ["doctor"]) == 1
    output = capsys.readouterr().err
    assert "Traceback (most recent call last)" in output
    assert output.endswith("wfctl: error: no\n")


def test_a_fault_of_wfctl_itself_keeps_its_traceback(doctor_does: Doctor) -> None:
    doctor_does(raising(ZeroDivisionError("bug")))
    with pytest.raises(ZeroDivisionError, match="bug"):
        run(["doctor"])


def test_an_unknown_module_is_not_explained_away(doctor_does: Doctor) -> None:
    doctor_does(raising(ModuleNotFoundError("No module named 'mine'", name="mine")))
    with pytest.raises(ModuleNotFoundError, match="mine"):
        run(["doctor"])


def test_a_command_may_choose_its_exit_code(doctor_does: Doctor) -> None:
    doctor_does(lambda: click.get_current_context().exit(3))
    assert run(["doctor"]) == 3


def test_a_reader_that_went_away_is_no_error() -> None:
    code = "import sys; from wfctl.cli.main import run; sys.exit(run(['recipes', '--schema']))"
    with subprocess.Popen(
        [PYTHON, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 1


def test_results_go_to_stdout_and_errors_to_stderr(tmp_path: Path) -> None:
    good = wfctl("init", "fizzbuzz", str(tmp_path / "mine"))
    assert good.stdout == f"{tmp_path / 'mine' / 'recipe.yaml'}\n"
    assert "then: wfctl train" in good.stderr
    bad = wfctl("init", "fizzbuzz", str(tmp_path / "mine"))
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr.startswith("wfctl: error: ")


def test_usage_is_not_reported_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BENTOML_DO_NOT_TRACK", raising=False)
    with pytest.raises(SystemExit):
        main_module.main(["recipes"])
    assert os.environ["BENTOML_DO_NOT_TRACK"] == "True"
