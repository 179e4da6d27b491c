import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from wfctl.core.artifact import Artifact
from wfctl.core.checkpoint_index import CheckpointIndex
from wfctl.core.errors import ArtifactError, RecipeError, RunError, UsageError
from wfctl.core.runs import RunFolder
from wfctl.export.evaluate import evaluate, measure
from wfctl.export.runners import Floats
from wfctl.models.trained import Trained


@pytest.fixture
def copied(artifact: Path, tmp_path: Path) -> Path:
    """The artifact on another machine: its run is not around it."""
    return Path(shutil.copytree(artifact, tmp_path / "shelf" / "digits"))


def test_accuracy_and_loss_are_means_over_samples_not_over_batches(trained: Trained) -> None:
    """Batches of three and one; the loss is the mean negative logarithm."""
    probabilities = np.array([[0.5, 0.5], [0.25, 0.75], [0.9, 0.1], [0.2, 0.8]], dtype=np.float32)

    def runner(raw: torch.Tensor) -> Floats:
        return np.take(probabilities, raw.numpy(), axis=0)

    batches = [
        (torch.tensor([0, 1, 2]), torch.tensor([0, 1, 1])),
        (torch.tensor([3]), torch.tensor([0])),
    ]
    metrics = measure(trained.task, runner, batches)
    assert metrics["accuracy"] == 2 / 4
    assert metrics["loss"] == pytest.approx(-np.log([0.5, 0.75, 0.1, 0.2]).mean(), rel=1e-6)


def test_a_run_gives_what_training_saw_at_its_best_epoch(run: RunFolder) -> None:
    index = CheckpointIndex.read(run.checkpoints)
    best = index.entry(index.best)
    assert best is not None
    lines = [json.loads(line) for line in run.metrics_file.read_text().splitlines()]
    (logged,) = (e for e in lines if e["split"] == "val" and e["epoch"] == best.epoch)
    evaluation = evaluate(run.path)
    assert evaluation["split"] == "val"
    assert evaluation["files"]["checkpoint"]["accuracy"] == logged["accuracy"]
    assert evaluation["files"]["checkpoint"]["loss"] == pytest.approx(logged["loss"], rel=1e-5)


def test_an_artifact_gives_every_files_metrics_as_its_manifest_has_them(artifact: Path) -> None:
    manifest = Artifact.open(artifact).manifest
    files = evaluate(artifact)["files"]
    assert set(files) == {"model.onnx", "model.torchscript.pt"}
    for name, metrics in files.items():
        assert metrics == pytest.approx(manifest.metrics[name], rel=1e-6)


def test_an_artifact_outside_its_run_gives_the_same(artifact: Path, copied: Path) -> None:
    assert evaluate(copied) == evaluate(artifact)
    files = evaluate(copied, ["data.batch_size=7"])["files"]
    assert files["model.onnx"]["accuracy"] == evaluate(artifact)["files"]["model.onnx"]["accuracy"]


def test_somebody_elses_recipe_near_a_copied_artifact_changes_nothing(
    artifact: Path, copied: Path
) -> None:
    (copied.parents[1] / "recipe.yaml").write_text("name: cake\nflour: 300 g\n")
    assert evaluate(copied) == evaluate(artifact)


def test_data_with_other_classes_is_refused(run: RunFolder, copied: Path) -> None:
    for path in (run.path, copied):
        with pytest.raises(RecipeError, match="has 4 classes, but the model was trained with 10"):
            evaluate(path, ["data.source=fizzbuzz"])


@pytest.mark.parametrize("override", ["preprocess.size=[4, 4]", "train.epochs=1", "nonsense"])
def test_what_would_change_nothing_is_refused(run: RunFolder, override: str) -> None:
    with pytest.raises(UsageError, match=r"^--set .*: an evaluation can change the keys of data"):
        evaluate(run.path, [override])


def test_a_changed_artifact_is_refused(copied: Path) -> None:
    data = bytearray((copied / "model.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (copied / "model.onnx").write_bytes(data)
    with pytest.raises(ArtifactError, match=r"model.onnx: is not the file that was exported"):
        evaluate(copied)


def test_what_is_neither_run_nor_artifact_says_so(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not a run folder"):
        evaluate(tmp_path)
    with pytest.raises(RunError, match="there is no such run folder"):
        evaluate(tmp_path / "nowhere")
