import tempfile
from pathlib import Path

import pytest

from wfctl.cli.main import run as wfctl

Captured = pytest.CaptureFixture[str]
ON_CPU = ["--device", "cpu"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fizzbuz"], "unknown recipe 'fizzbuz' (did you mean 'fizzbuzz'?)"),
        (["fizzbuzz", "--set", "train.optimizer=Adm"], "torch.optim has no 'Adm' (did you mean"),
        (["fizzbuzz", "--set", "train.lrr=1"], "train.lrr"),
        (["fizzbuzz", "--iterations", "0"], "0 is not in the range"),
        (["fizzbuzz", "--keep", "full"], "full: is not empty; name another --keep"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("full").mkdir()
    (Path("full") / "file").touch()
    assert wfctl(["verify-resume", *arguments]) == 2
    output = capsys.readouterr()
    assert message in output.err
    assert output.err.count("\n") == 1
    assert output.out == ""


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["digits", "fizzbuzz"])
def test_the_built_in_recipes_resume_exactly_and_nothing_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured, recipe: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert wfctl(["verify-resume", recipe, *ON_CPU]) == 0
    output = capsys.readouterr()
    assert output.out.startswith("equal\n")
    assert "iterations (samples, inputs, loss)" in output.out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_both_runs_are_kept_where_asked(tmp_path: Path, capsys: Captured) -> None:
    kept = tmp_path / "kept"
    arguments = [*ON_CPU, "--iterations", "3", "--keep", str(kept)]
    assert wfctl(["verify-resume", "fizzbuzz", *arguments]) == 0
    assert "killed behind iteration 6 (checkpoint of 3)" in capsys.readouterr().err
    assert (kept / "uninterrupted" / "trace.jsonl").read_text().count("\n") == 6
    assert (kept / "interrupted" / "trace.jsonl").read_text().count("\n") == 9
