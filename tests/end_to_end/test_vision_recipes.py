"""Every recipe for pictures runs, on a few made-up ones in the format of its data set."""

from pathlib import Path

import pytest

from wfctl.cli.main import run as wfctl
from wfctl.core.runs import RunFolder
from wfctl.models.trained import load_trained
from wfctl.tests.helpers import torchvision_files as files

pytestmark = pytest.mark.slow


def write_data(recipe: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    match recipe:
        case "mnist":
            files.write_mnist(root, "MNIST", train=200, test=40)
        case "fashion-mnist":
            files.write_mnist(root, "FashionMNIST", train=200, test=40)
        case "cifar10":
            files.write_cifar10(root, monkeypatch, count=20)
        case "image-folder":
            for split in ("train", "val"):
                files.write_folder(root / split, ["dark", "light"], 4)


@pytest.mark.parametrize(
    ("recipe", "classes", "size"),
    [("mnist", 10, 28), ("fashion-mnist", 10, 28), ("cifar10", 10, 32), ("image-folder", 2, 48)],
)
def test_recipe_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: str, classes: int, size: int
) -> None:
    write_data(recipe, tmp_path / "data", monkeypatch)
    values = (f"data.root={tmp_path / 'data'}", "train.epochs=1", "data.batch_size=20",
              f"preprocess.size=[{size},{size}]", "train.loggers=[]")  # fmt: skip
    options = [part for value in values for part in ("--set", value)]
    run = RunFolder(tmp_path / "run")
    assert wfctl(["train", recipe, "--run-dir", str(run.path), *options]) == 0
    assert len(load_trained(run).labels) == classes
    assert wfctl(["export", str(run.path), "--onnx"]) == 0
    assert wfctl(["evaluate", str(run.path / "export" / recipe), *options[:2]]) == 0


@pytest.mark.parametrize("recipe", ["mnist", "fashion-mnist", "cifar10"])
def test_init_copies_the_network(tmp_path: Path, recipe: str) -> None:
    assert wfctl(["init", recipe, str(tmp_path / "own")]) == 0
    assert "name: small_cnn:SmallCnn" in (tmp_path / "own" / "recipe.yaml").read_text()
    assert (tmp_path / "own" / "small_cnn.py").is_file()
