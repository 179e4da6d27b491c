"""From a recipe to an answer by the commands that a user types, each a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from wfctl.models.digits import Digits
from wfctl.models.fizzbuzz import FizzBuzz

pytestmark = pytest.mark.slow
FILES = {"model.onnx", "model.torchscript.pt"}


def wfctl(folder: Path, *arguments: str | Path) -> str:
    """What a command prints, run in `folder`; it must succeed."""
    # The folder of the command itself stays off Python's path, as when `wfctl` is typed.
    command = [sys.executable, "-P", "-m", "wfctl.cli.main", *map(str, arguments)]
    # The models are tiny: threads would only wait for each other, above all on a busy machine.
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.removesuffix("\n")


def accuracies(folder: Path, path: str) -> dict[str, float]:
    result = json.loads(wfctl(folder, "evaluate", path, "--json"))
    return {file: metrics["accuracy"] for file, metrics in result["files"].items()}


def save_png(pixels: NDArray[np.uint8], path: Path, height: int, width: int) -> Path:
    """A digit as a picture file of another size, as a service will be sent."""
    Image.fromarray(pixels[..., 0]).resize((width, height), Image.Resampling.BICUBIC).save(path)
    return path


def test_digits(tmp_path: Path) -> None:
    run = wfctl(tmp_path, "train", "digits", "--device", "cpu")
    assert run.startswith("runs/digits/")
    artifact = wfctl(tmp_path, "export")
    assert artifact == f"{run}/export/digits"
    (trained,) = accuracies(tmp_path, run).values()
    exported = accuracies(tmp_path, artifact)
    assert trained >= 0.98
    assert exported == dict.fromkeys(FILES, trained)

    checked = json.loads(wfctl(tmp_path, "inspect", artifact, "--check", "--json"))["check"]
    assert set(checked) == FILES
    assert all(error < 1e-5 for error in checked.values())

    held_out = Digits("val")
    chosen = range(0, 360, 30)
    files = [
        save_png(held_out.pixels[index].numpy(), tmp_path / f"{index}.png", 8, 8)
        for index in chosen
    ]
    lines = wfctl(tmp_path, "predict", artifact, *files, "--json").splitlines()
    best = [json.loads(line)["predictions"][0] for line in lines]
    correct = sum(
        int(answer["label"]) == held_out[index][1]
        for answer, index in zip(best, chosen, strict=True)
    )
    assert correct >= len(chosen) - 1
    assert all(0.1 <= answer["score"] <= 1 for answer in best)

    photo = save_png(held_out.pixels[0].numpy(), tmp_path / "photo.png", 120, 90)
    assert wfctl(tmp_path, "predict", artifact, photo, "--top-k", "1").startswith(
        f"{photo}: {held_out[0][1]} "
    )


def test_fizzbuzz(tmp_path: Path) -> None:
    run = wfctl(tmp_path, "train", "fizzbuzz", "--device", "cpu")
    artifact = wfctl(tmp_path, "export", run)
    (trained,) = accuracies(tmp_path, run).values()
    exported = accuracies(tmp_path, artifact)
    assert trained >= 0.95
    assert exported == dict.fromkeys(FILES, trained)

    numbers = list(map(str, range(1, 101)))
    lines = wfctl(tmp_path, "predict", artifact, *numbers, "--json").splitlines()
    labels = [json.loads(line)["predictions"][0]["label"] for line in lines]
    expected = [FizzBuzz.classes[FizzBuzz.answer(number)] for number in range(1, 101)]
    correct = sum(given == right for given, right in zip(labels, expected, strict=True))
    assert correct / 100 == trained
    assert wfctl(tmp_path, "predict", artifact, "15", "--top-k", "1").startswith("15: fizzbuzz ")


def test_a_module_of_ones_own(tmp_path: Path) -> None:
    """The user edits the starter, trains beside it, and later loses it: the run keeps a copy."""
    mine, elsewhere = tmp_path / "mine", tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert wfctl(tmp_path, "init", "digits", "mine") == "mine/recipe.yaml"
    source = (mine / "digits.py").read_text()
    (mine / "digits.py").write_text(source.replace("Dropout(0.3)", "Dropout(0.1)"))
    assert (mine / "digits.py").read_text() != source

    options = ["--device", "cpu", "--set", "train.epochs=2", "--set", "model.options.width=16"]
    run = mine / wfctl(mine, "train", "recipe.yaml", *options)
    assert (run / "code/digits.py").read_text() == (mine / "digits.py").read_text()
    run.rename(elsewhere / "run")
    (mine / "digits.py").unlink()

    artifact = wfctl(elsewhere, "export", "run")
    exported = accuracies(elsewhere, artifact)
    assert set(exported) == FILES
    assert min(exported.values()) > 0.8
    source_recipe = json.loads((elsewhere / artifact / "manifest.json").read_text())["source"]
    assert source_recipe["recipe"]["model"]["name"] == "digits:DigitsCnn"


def test_two_processes_export_the_same_bytes(tmp_path: Path) -> None:
    run = wfctl(tmp_path, "train", "fizzbuzz", "--device", "cpu", "--set", "train.epochs=2")
    first, second = (
        tmp_path / wfctl(tmp_path, "export", run, "--out", name) for name in ("first", "second")
    )
    for file in (*FILES, "golden.npz"):
        assert (first / file).read_bytes() == (second / file).read_bytes(), file
    manifests = [json.loads((each / "manifest.json").read_text()) for each in (first, second)]
    for manifest in manifests:
        del manifest["created"]
    assert manifests[0] == manifests[1]
