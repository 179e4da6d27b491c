"""Photos in folders, from scratch and by transfer, through to the answer for one of them."""

import json
from pathlib import Path

import pytest
import torch
from torchvision import models

from wfctl.cli.main import run as wfctl
from wfctl.core.artifact import Artifact
from wfctl.core.decode import decode_image
from wfctl.core.runs import RunFolder
from wfctl.models.trained import load_trained

pytestmark = pytest.mark.slow
SMALL = ("preprocess.size=[64,64]", "data.workers=0", "train.epochs=1", "train.loggers=[]")


def train(folder: Path, *arguments: str) -> None:
    options = [part for each in SMALL for part in ("--set", each)]
    assert wfctl(["train", "image-folder", "--run-dir", str(folder), *options, *arguments]) == 0


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Path:
    """Real photos of ants and bees: 120 to train on, and of the held-out ones each sixth."""
    root = tmp_path_factory.mktemp("photos")
    for split, every in (("train", 1), ("val", 6)):
        for name in ("ants", "bees"):
            (root / split / name).mkdir(parents=True)
            found = sorted((shared_data / "hymenoptera" / split / name).glob("*.jpg"))
            for photo in found[::every]:
                (root / split / name / photo.name).symlink_to(photo)
    return root


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> RunFolder:
    """One epoch of `image-folder` from scratch."""
    folder = tmp_path_factory.mktemp("scratch") / "run"
    train(folder, "--set", f"data.root={photos}")
    return RunFolder.open(folder)


@pytest.fixture(scope="module")
def artifact(scratch: RunFolder) -> Artifact:
    """The export of `scratch`."""
    assert wfctl(["export", str(scratch.path)]) == 0
    return Artifact.open(scratch.path / "export" / "image-folder")


def test_the_folders_are_the_labels(artifact: Artifact) -> None:
    assert artifact.manifest.labels == ("ants", "bees")


def test_every_photo_gives_the_same_in_every_file(artifact: Artifact) -> None:
    assert artifact.manifest.inputs[0].shape == (-1, -1, -1, 3)
    files = {"model.onnx", "model.torchscript.pt"}
    assert set(artifact.manifest.parity) == files
    for parity in artifact.manifest.parity.values():
        assert parity.samples >= 10  # the held-out photos, in the sizes that they have
        assert parity.max_abs_error <= artifact.manifest.tolerance
        assert parity.label_agreement == 1.0
    accuracies = {artifact.manifest.metrics[file]["accuracy"] for file in {*files, "checkpoint"}}
    assert len(accuracies) == 1


def test_predict_answers_for_a_photo_as_training_would(
    scratch: RunFolder, artifact: Artifact, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = min((photos / "val" / "bees").glob("*.jpg"))
    assert wfctl(["predict", str(artifact.path), str(photo), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    scores = {each["label"]: each["score"] for each in answer["predictions"]}
    pixels = torch.tensor(decode_image(photo.read_bytes(), "RGB"))
    with torch.no_grad():
        expected = load_trained(scratch).pipeline(pixels.unsqueeze(0))[0].tolist()
    assert [scores["ants"], scores["bees"]] == pytest.approx(expected, abs=1e-4)


def test_transfer_leaves_frozen_layers_as_they_were(
    tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Weights for 1,000 classes; the file is gone before the run is resumed and exported."""
    torch.manual_seed(3)
    given = models.resnet18().state_dict()
    weights = tmp_path / "resnet18.pt"
    torch.save(given, weights)
    run = RunFolder(tmp_path / "run")
    root = ("--set", f"data.root={photos}")
    frozen = ("--set", f"model.weights={weights}", "--set", "model.freeze=all-but-head")
    unending = ("--set", "train.scheduler=null")  # so that epochs can be added
    train(run.path, *root, *frozen, *unending)
    assert "the head starts anew (fc.weight, fc.bias)" in capsys.readouterr().err
    first_head = load_trained(run).pipeline.network.get_parameter("fc.weight").clone()
    weights.unlink()
    assert wfctl(["train", "image-folder", "--resume", str(run.path),
                  "--set", "train.epochs=2"]) == 0  # fmt: skip
    newest = sorted(run.checkpoints.glob("*.pt"))[-1]
    after = torch.load(newest, weights_only=True)["model"]
    head = {"fc.weight", "fc.bias"}
    assert set(after) == set(given)
    for name, each in after.items():
        assert torch.equal(each, given[name]) == (name not in head), name
    assert not torch.equal(after["fc.weight"], first_head)
    assert wfctl(["export", str(run.path), "--onnx"]) == 0
    manifest = Artifact.open(run.path / "export" / "image-folder").manifest
    assert manifest.parity["model.onnx"].max_abs_error <= manifest.tolerance
    assert str(tmp_path) not in manifest.model_dump_json()
