import json
import shutil
from pathlib import Path

import pytest

from wfctl.core.artifact import MANIFEST, Artifact
from wfctl.core.checkpoint_index import CheckpointIndex
from wfctl.core.errors import ArtifactError, CheckpointError, ParityError, RecipeError
from wfctl.core.runs import RunFolder, newest_artifact
from wfctl.export.run import export


@pytest.fixture
def own_run(run: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy of the run, without artifacts, that the test may change."""
    ignore = shutil.ignore_patterns("export")
    return RunFolder(Path(shutil.copytree(run.path, tmp_path / "run", ignore=ignore)))


def change_recipe(run: RunFolder, old: str, new: str) -> None:
    text = run.recipe_file.read_text()
    assert old in text
    run.recipe_file.write_text(text.replace(old, new))


def test_an_artifact_is_complete(run: RunFolder, artifact: Path) -> None:
    manifest = Artifact.open(artifact).manifest  # every SHA-256 is checked here
    assert artifact == run.path / "export" / "digits"
    present = {file.name for file in artifact.iterdir()}
    assert present == {"model.onnx", "model.torchscript.pt", "golden.npz", MANIFEST}
    assert set(manifest.files) == present - {MANIFEST}
    assert manifest.labels == tuple("0123456789")
    assert [(spec.name, spec.dtype, spec.shape) for spec in manifest.inputs] == [
        ("image", "uint8", (-1, -1, -1, 1))
    ]
    assert [(spec.name, spec.dtype, spec.shape) for spec in manifest.outputs] == [
        ("probabilities", "float32", (-1, 10))
    ]
    assert set(manifest.metrics) == {"checkpoint", "model.onnx", "model.torchscript.pt"}
    assert set(manifest.parity) == {"model.onnx", "model.torchscript.pt"}
    assert all(parity.max_abs_error < 1e-5 for parity in manifest.parity.values())


def test_the_manifest_says_where_the_weights_come_from(run: RunFolder, artifact: Path) -> None:
    source = Artifact.open(artifact).manifest.source
    index = CheckpointIndex.read(run.checkpoints)
    best = index.entry(index.best)
    assert best is not None
    assert (source.checkpoint_sha256, source.epoch) == (best.sha256, best.epoch)
    assert source.git_commit == json.loads(run.environment_file.read_text())["git_commit"]
    assert {"torch", "onnx", "onnxruntime", "wfctl"} <= set(source.versions)


def test_nothing_in_the_manifest_tells_of_the_machine(
    run: RunFolder, artifact: Path, repository: Path
) -> None:
    text = (artifact / MANIFEST).read_text()
    assert str(repository) not in text
    assert str(run.path.parent) not in text


def test_the_manifest_is_written_last(artifact: Path, tmp_path: Path) -> None:
    times = {file.name: file.stat().st_mtime_ns for file in artifact.iterdir()}
    assert max(times, key=lambda name: times[name]) == MANIFEST
    copied = Path(shutil.copytree(artifact, tmp_path / "digits"))
    (copied / MANIFEST).unlink()
    with pytest.raises(ArtifactError, match="is not an artifact"):
        Artifact.open(copied)


def test_two_exports_differ_in_nothing_but_the_time(
    run: RunFolder, artifact: Path, tmp_path: Path
) -> None:
    again = export(run, out=tmp_path / "again").path
    assert {file.name for file in again.iterdir()} == {file.name for file in artifact.iterdir()}
    for file in artifact.iterdir():
        if file.name != MANIFEST:
            assert (again / file.name).read_bytes() == file.read_bytes(), file.name
    first, second = (json.loads((path / MANIFEST).read_text()) for path in (artifact, again))
    del first["created"], second["created"]
    assert first == second


def test_formats_are_the_recipes_unless_named(own_run: RunFolder) -> None:
    change_recipe(own_run, "[torchscript, onnx]", "[torchscript]")
    assert set(export(own_run).manifest.files) == {"model.torchscript.pt", "golden.npz"}


def test_the_best_checkpoint_is_exported_and_not_the_last(own_run: RunFolder) -> None:
    index = CheckpointIndex.read(own_run.checkpoints)
    assert len(index.entries) >= 2
    first = index.entries[0]
    index.model_copy(update={"best": first.file}).write(own_run.checkpoints)
    manifest = export(own_run, ["torchscript"]).manifest
    assert manifest.source.epoch == first.epoch
    assert manifest.version == first.sha256[:12]


def test_a_failed_gate_leaves_nothing(own_run: RunFolder) -> None:
    """A frozen file folds its batch norms, and so departs in the last digits."""
    change_recipe(own_run, "tolerance: 0.0001", "tolerance: 1.0e-12")
    with pytest.raises(ParityError, match=r"model.torchscript.pt: departs .*tolerance 1e-12"):
        export(own_run, ["torchscript"])
    assert list((own_run.path / "export").iterdir()) == []


def test_a_failed_gate_keeps_the_earlier_artifact(own_run: RunFolder) -> None:
    earlier = export(own_run, ["torchscript"])
    change_recipe(own_run, "tolerance: 0.0001", "tolerance: 1.0e-12")
    with pytest.raises(ParityError):
        export(own_run, ["torchscript"])
    assert Artifact.open(earlier.path).manifest == earlier.manifest
    assert list((own_run.path / "export").iterdir()) == [earlier.path]


def test_an_export_replaces_the_earlier_artifact_whole(artifact: Path, own_run: RunFolder) -> None:
    place = Path(shutil.copytree(artifact, own_run.path / "export/digits"))
    (place / "left-behind.txt").write_text("of an earlier export")
    assert export(own_run, ["torchscript"]).path == place
    present = {file.name for file in place.iterdir()}
    assert present == {"model.torchscript.pt", "golden.npz", MANIFEST}
    assert list(place.parent.iterdir()) == [place]


def test_other_things_are_not_overwritten(own_run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/chapter.txt").write_text("ten years of work")
    with pytest.raises(ArtifactError, match="thesis: holds something that is not an artifact"):
        export(own_run, ["torchscript"], tmp_path / "thesis")
    assert (tmp_path / "thesis/chapter.txt").read_text() == "ten years of work"


def test_a_run_without_checkpoints_cannot_be_exported(own_run: RunFolder) -> None:
    shutil.rmtree(own_run.checkpoints)
    with pytest.raises(CheckpointError, match="checkpoints: has no checkpoint; train until"):
        export(own_run)
    assert not (own_run.path / "export").exists()


def test_data_that_changed_since_training_is_refused(own_run: RunFolder) -> None:
    change_recipe(own_run, "source: digits", "source: fizzbuzz")
    with pytest.raises(RecipeError, match="has 4 classes, but the model was trained with 10"):
        export(own_run)
    assert not (own_run.path / "export").exists()


def test_an_export_that_was_cut_short_is_no_artifact(
    own_run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a kill leaves is a hidden folder, which is never taken for the newest artifact."""
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "runs/digits/2026-01-01T00-00-00Z"
    place.parent.mkdir(parents=True)
    own_run.path.rename(place)
    (place / "export/.digits.killed").mkdir(parents=True)
    (place / "export/.digits.killed" / MANIFEST).write_text("{}")
    with pytest.raises(ArtifactError, match="there is no artifact under runs/"):
        newest_artifact()
    made = export(RunFolder(place), ["torchscript"])
    assert newest_artifact().resolve() == made.path.resolve()
