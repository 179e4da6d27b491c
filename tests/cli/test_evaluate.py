import json
from pathlib import Path

import pytest

from wfctl.cli.main import run as wfctl
from wfctl.tests.helpers import digits_run


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return digits_run.digits_run(tmp_path_factory)


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return digits_run.digits_artifact(tmp_path_factory)


def test_json_holds_the_metrics_of_a_run_by_split_and_file(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert wfctl(["evaluate", str(run), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert set(result) == {"split", "files"}
    assert result["split"] == "val"
    assert set(result["files"]) == {"checkpoint"}
    assert 0.9 < result["files"]["checkpoint"]["accuracy"] < 1


def test_an_artifacts_files_come_one_a_line(
    artifact: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert wfctl(["evaluate", str(artifact), "--set", "data.batch_size=50"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["model.onnx", "val", "accuracy"],
        ["model.torchscript.pt", "val", "accuracy"],
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "data.sorce=digits"], "data.sorce: unknown key (did you mean 'source'?)"),
        (["--set", "data.source=digit"], "data.source: unknown name 'digit' (did you mean"),
        (["--set", "train.lr=1"], "--set train.lr=1: an evaluation can change the keys of data"),
        (["--set", "data.source=fizzbuzz"], "has 4 classes, but the model was trained with 10"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    run: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    capsys.readouterr()
    assert wfctl(["evaluate", str(run), *arguments]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("wfctl: error: ")
    assert message in output.err
    assert output.err.count("\n") == 1


def test_a_folder_that_is_neither_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert wfctl(["evaluate", str(tmp_path)]) == 2
    assert "is not a run folder" in capsys.readouterr().err
