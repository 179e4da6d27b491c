"""Every task but classification from a recipe to an answer over HTTP, on data with real signal."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from wfctl.cli.main import run as run_wfctl
from wfctl.models.diabetes import Diabetes
from wfctl.models.digits import Digits
from wfctl.tests.helpers.server_process import running_server
from wfctl.tests.helpers.shapes import write_shapes

pytestmark = pytest.mark.slow
FILES = {"model.onnx", "model.torchscript.pt"}


@dataclass(frozen=True)
class Trained:
    """What the commands made of a recipe."""

    run: Path
    artifact: Path
    metrics: dict[str, float]  # of the checkpoint


@pytest.fixture
def wfctl(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def call(*arguments: str | Path) -> str:
        code = run_wfctl([str(each) for each in arguments])
        printed = capsys.readouterr()
        assert code == 0, printed.err
        return printed.out.removesuffix("\n")

    return call


def train_and_export(wfctl: Callable[..., str], folder: Path, recipe: str, *sets: str) -> Trained:
    """Train, export, and check that every file scores what the checkpoint scores."""
    options = [part for each in ("train.loggers=[]", *sets) for part in ("--set", each)]
    run = Path(wfctl("train", recipe, "--device", "cpu", "--run-dir", folder / "run", *options))
    artifact = Path(wfctl("export", run))
    of_run = json.loads(wfctl("evaluate", run, "--json"))["files"]["checkpoint"]
    of_files = json.loads(wfctl("evaluate", artifact, "--json"))["files"]
    assert {*of_files} == FILES
    for metrics in of_files.values():
        assert metrics == pytest.approx(of_run, rel=1e-5)
    logged = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    shown = json.loads(wfctl("inspect", artifact, "--check", "--json"))
    assert {*shown["check"]} == FILES
    (best,) = (line for line in logged
               if (line["epoch"], line["split"]) == (shown["source"]["epoch"], "val"))  # fmt: skip
    for name, value in of_run.items():
        assert best.get(name, value) == pytest.approx(value, rel=1e-4)
    return Trained(run, artifact, of_run)


def predict(wfctl: Callable[..., str], artifact: Path, argument: str | Path) -> Any:
    return json.loads(wfctl("predict", artifact, argument, "--json"))["predictions"]


def test_regression(wfctl: Callable[..., str], tmp_path: Path) -> None:
    trained = train_and_export(wfctl, tmp_path, "tabular")
    targets = Diabetes("val").tensors()[1]
    spread = float(targets.std())
    assert trained.metrics["root_mean_squared_error"] < 0.75 * spread

    row = Diabetes("val")[0][0].tolist()
    named = dict(zip(Diabetes.columns, row, strict=True))
    line = ",".join(map(str, row))
    answer = predict(wfctl, trained.artifact, line)
    assert [(each["label"], each["index"]) for each in answer] == [("progression", 0)]
    assert 25 < answer[0]["value"] < 350
    with running_server(trained.artifact) as server:
        for body, content_type in (
            (line, "text/csv"),
            (f"{','.join(Diabetes.columns)}\n{line}\n", "text/plain"),
            (json.dumps(named), "application/json"),
            (json.dumps(row), "application/json"),
            (json.dumps({"row": named}), "application/json"),
        ):
            reply = server.predict(body.encode(), content_type)
            assert (reply.status, reply.json()["predictions"]) == (200, answer)
        wrong = json.dumps(named | {"bmii": 1}).encode()
        reply = server.predict(wrong, "application/json")
        assert (reply.status, reply.json()["error"]) == (
            400, "unknown column 'bmii' (did you mean 'bmi'?)",
        )  # fmt: skip
        reply = server.predict(line.encode(), "text/csv", "?top_k=2")
        assert reply.status == 400
        assert "top_k is for candidates" in reply.json()["error"]
        schemas = server.request("GET", "/docs.json").json()["components"]["schemas"]
        assert schemas["ValueModel"]["required"] == ["label", "index", "value"]


def test_a_table_of_ones_own_with_classes(wfctl: Callable[..., str], tmp_path: Path) -> None:
    random = np.random.RandomState(0)
    heights, weights = random.normal(170, 12, 600), random.normal(70, 15, 600)
    index = weights / (heights / 100) ** 2
    labels = np.where(index > 26, "above", np.where(index < 22, "below", "between"))
    people = zip(heights, weights, labels, strict=True)
    lines = [f"{height},{weight},{i},{label}" for i, (height, weight, label) in enumerate(people)]
    (tmp_path / "people.csv").write_text("\n".join(["height,weight,number,class", *lines]))
    trained = train_and_export(
        wfctl, tmp_path, "tabular", "task=classification", "data.source=table",
        f"data.root={tmp_path / 'people.csv'}", "data.options.target=class",
        "data.options.features=[height,weight]", "train.epochs=30",
    )  # fmt: skip
    assert trained.metrics["accuracy"] > 0.93
    answer = predict(wfctl, trained.artifact, '{"weight": 105, "height": 170}')
    assert answer[0]["label"] == "above"
    assert answer[0]["score"] > 0.9


def test_segmentation(wfctl: Callable[..., str], tmp_path: Path) -> None:
    root = write_shapes(tmp_path / "shapes")
    trained = train_and_export(
        wfctl, tmp_path, "segmentation", f"data.root={root}", "preprocess.size=[32,32]",
        "model.options.width=8", "model.options.levels=2", "train.epochs=10",
    )  # fmt: skip
    assert trained.metrics["miou"] > 0.8
    picture = root / "val" / "images" / "003.png"
    with Image.open(root / "val" / "masks" / "003.png") as mask:
        values = np.asarray(mask)
    answer = predict(wfctl, trained.artifact, picture)
    assert sum(each["score"] for each in answer) == pytest.approx(1)
    shares = {each["label"]: each["score"] for each in answer}
    for value, name in enumerate(("background", "disc", "square")):
        share = (values == value).mean()
        ring = (values == 255).mean()  # of no class: the answer may give it to any
        assert share - 0.04 <= shares[name] <= share + ring + 0.04
    with running_server(trained.artifact) as server:
        reply = server.predict(picture.read_bytes(), "image/png")
        assert (reply.status, reply.json()["predictions"]) == (200, answer)
        reply = server.predict(picture.read_bytes(), "image/png", "?top_k=1")
        assert reply.json()["predictions"] == answer[:1]


def test_torchvisions_network_for_pixels(wfctl: Callable[..., str], tmp_path: Path) -> None:
    root = write_shapes(tmp_path / "shapes", train=8, val=4, side=32)
    train_and_export(
        wfctl, tmp_path, "segmentation", f"data.root={root}", "preprocess.size=[64,64]",
        "model.name=torchvision:lraspp_mobilenet_v3_large", "model.options={}", "train.epochs=1",
    )  # fmt: skip


@pytest.mark.parametrize("loss", ["contrastive", "triplet"])
def test_metric_learning(wfctl: Callable[..., str], tmp_path: Path, loss: str) -> None:
    trained = train_and_export(
        wfctl, tmp_path, "digits", "task=metric-learning", "model.embedding_size=16",
        "model.options.width=16", f"train.loss={loss}", "train.epochs=4",
    )  # fmt: skip
    assert trained.metrics["recall_at_1"] > 0.9

    held_out = Digits("val")
    files = []
    for index in (0, 10, 20):
        pixels, digit = held_out[index]
        files.append((tmp_path / f"{index}.png", digit))
        Image.fromarray(pixels[..., 0].numpy()).save(files[-1][0])
    embeddings = [predict(wfctl, trained.artifact, file)[0]["embedding"] for file, _ in files]
    assert np.linalg.norm(embeddings, axis=1) == pytest.approx([1, 1, 1], abs=1e-5)
    with running_server(trained.artifact) as server:
        reply = server.predict(files[0][0].read_bytes(), "image/png")
        assert reply.json()["predictions"] == [{"embedding": embeddings[0]}]
