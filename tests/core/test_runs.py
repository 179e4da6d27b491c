import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from wfctl.core import runs
from wfctl.core.errors import ArtifactError, RunError
from wfctl.core.runs import RunFolder, newest_artifact


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def make_run(recipe: str, name: str) -> Path:
    folder = Path("runs") / recipe / name
    folder.mkdir(parents=True)
    (folder / "recipe.yaml").write_text("name: x\n")
    return folder


def make_artifact(run: Path, name: str, age_s: int) -> Path:
    folder = run / "export" / name
    folder.mkdir(parents=True)
    manifest = folder / "manifest.json"
    manifest.write_text("{}")
    time_s = 1_700_000_000 - age_s
    os.utime(manifest, (time_s, time_s))
    return folder


def test_create_names_the_run_by_the_time() -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    run = RunFolder.create("digits")
    assert run.path.parent == Path("runs/digits")
    made = datetime.strptime(run.path.name, "%Y-%m-%dT%H-%M-%SZ").replace(tzinfo=UTC)
    assert before <= made <= datetime.now(UTC)
    assert run.checkpoints.is_dir()


def test_runs_of_the_same_second_get_folders_apart() -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    names = [runs._unused(Path("runs/digits"), now).name for _ in range(3)]
    assert names == ["2026-01-02T03-04-05Z", "2026-01-02T03-04-05Z-002", "2026-01-02T03-04-05Z-003"]


def test_create_takes_an_empty_folder_and_refuses_another(tmp_path: Path) -> None:
    empty = tmp_path / "mine"
    empty.mkdir()
    RunFolder.create("digits", empty)
    with pytest.raises(RunError, match="mine: is not empty; name another --run-dir"):
        RunFolder.create("digits", empty)
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(RunError, match="file: is not empty"):
        RunFolder.create("digits", file)


def test_open_refuses_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="absent: there is no such run folder"):
        RunFolder.open(tmp_path / "absent")
    with pytest.raises(RunError, match=r"is not a run folder \(it has no recipe.yaml\)"):
        RunFolder.open(tmp_path)


def test_open() -> None:
    path = make_run("digits", "2026-01-02T03-04-05Z")
    assert RunFolder.open(path) == RunFolder(path)


def test_newest_by_time_over_all_recipes() -> None:
    make_run("digits", "2026-01-02T03-04-05Z")
    middle = make_run("digits", "2026-01-03T03-04-05Z")
    last = make_run("fizzbuzz", "2026-01-04T03-04-05Z")
    Path("runs/fizzbuzz/2026-01-05T03-04-05Z").mkdir()  # was never started: has no recipe
    assert RunFolder.newest().path == last
    assert RunFolder.newest("digits").path == middle


def test_newest_of_one_second_is_the_last_made() -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    for _ in range(12):
        last = runs._unused(Path("runs/digits"), now)
        (last / "recipe.yaml").write_text("name: x\n")
        assert RunFolder.newest().path == last


@pytest.mark.parametrize(
    ("recipe", "message"),
    [(None, "there is no run under runs/"), ("digits", "there is no run of digits under runs/")],
)
def test_no_run(recipe: str | None, message: str) -> None:
    with pytest.raises(RunError, match=f"{message}; `wfctl train` makes one"):
        RunFolder.newest(recipe)


def test_newest_artifact_is_the_one_exported_last() -> None:
    early = make_run("digits", "2026-01-02T03-04-05Z")
    late = make_run("digits", "2026-01-03T03-04-05Z")
    again = make_artifact(early, "again", age_s=10)
    make_artifact(late, "first", age_s=20)
    make_artifact(late, ".again.unfinished", age_s=0)
    (late / "export" / "no-manifest").mkdir()
    assert newest_artifact() == again


def test_no_artifact() -> None:
    make_run("digits", "2026-01-02T03-04-05Z")
    with pytest.raises(ArtifactError, match="there is no artifact under runs/; `wfctl export`"):
        newest_artifact()
