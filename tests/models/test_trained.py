import os
import pickle
from pathlib import Path

import pytest
import torch
from torch import nn

from wfctl.core.checkpoint_index import CheckpointIndex, Entry
from wfctl.core.errors import CheckpointError, RecipeError
from wfctl.core.files import sha256_file
from wfctl.core.recipe import Model
from wfctl.core.recipe_file import built_in_recipes, dump_recipe, load_recipe
from wfctl.core.runs import RunFolder
from wfctl.models.fizzbuzz import FizzBuzz, FizzBuzzMlp
from wfctl.models.trained import build_network, load_trained, read_checkpoint

LABELS = list(FizzBuzz.classes)


def network(seed: int) -> FizzBuzzMlp:
    torch.manual_seed(seed)
    return FizzBuzzMlp(classes=4, hidden=256)


def checkpoint(seed: int) -> dict[str, object]:
    return {"labels": LABELS, "model": network(seed).state_dict(), "preprocess": {}}


def write_run(folder: Path, *contents: object, best: int = 0) -> RunFolder:
    """A run of fizzbuzz with these checkpoints, of which number `best` is the best."""
    run = RunFolder.create("fizzbuzz", folder)
    run.recipe_file.write_text(dump_recipe(load_recipe(built_in_recipes()["fizzbuzz"])))
    entries = []
    for epoch, content in enumerate(contents):
        file = run.checkpoints / f"epoch-{epoch}.pt"
        file.write_bytes(content) if isinstance(content, bytes) else torch.save(content, file)
        entries.append(Entry(file=file.name, sha256=sha256_file(file), epoch=epoch, iteration=0))
    best_file = entries[best].file if entries else None
    index = CheckpointIndex(
        entries=tuple(entries), best=best_file, last=entries[-1].file if entries else None
    )
    index.write(run.checkpoints)
    return run


class Bomb:
    """What a hostile checkpoint can hold: unpickling it creates a folder."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.target),)


def test_the_best_checkpoint_is_loaded_and_not_the_last(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", checkpoint(0), checkpoint(1), checkpoint(2), best=1)
    trained = load_trained(run)
    assert trained.epoch == 1
    assert trained.checkpoint_sha256 == sha256_file(run.checkpoints / "epoch-1.pt")
    assert trained.labels == FizzBuzz.classes
    expected, given = network(1).state_dict(), trained.pipeline.network.state_dict()
    assert all(torch.equal(expected[name], given[name]) for name in expected)


def test_the_pipeline_goes_from_raw_samples_to_probabilities(tmp_path: Path) -> None:
    pipeline = load_trained(write_run(tmp_path / "run", checkpoint(0))).pipeline
    assert not any(module.training for module in pipeline.modules())
    answer = pipeline(torch.tensor([15]))
    bits = torch.tensor([[1.0, 1, 1, 1, 0, 0, 0, 0, 0, 0]])
    torch.testing.assert_close(answer, network(0)(bits).softmax(dim=-1))


def test_a_run_without_checkpoints_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="has no checkpoint; train until"):
        load_trained(write_run(tmp_path / "run"))


@pytest.mark.parametrize("damage", ["flipped bit", "truncated", "deleted"])
def test_a_damaged_best_checkpoint_is_refused(tmp_path: Path, damage: str) -> None:
    run = write_run(tmp_path / "run", checkpoint(0), checkpoint(1))
    file = run.checkpoints / "epoch-0.pt"
    data = bytearray(file.read_bytes())
    match damage:
        case "flipped bit":
            data[len(data) // 2] ^= 1
            file.write_bytes(data)
        case "truncated":
            file.write_bytes(data[:-1])
        case "deleted":
            file.unlink()
    with pytest.raises(CheckpointError, match=r"epoch-0.pt: the checkpoint is damaged or missing"):
        load_trained(run)


@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused_also_when_the_index_agrees(
    tmp_path: Path, kept: float
) -> None:
    torch.save(checkpoint(0), tmp_path / "whole.pt")
    data = (tmp_path / "whole.pt").read_bytes()
    run = write_run(tmp_path / "run", data[: int(len(data) * kept)])
    with pytest.raises(CheckpointError, match=r"epoch-0.pt: is not a readable checkpoint"):
        load_trained(run)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param({"state_dict": network(0).state_dict()}, id="other keys"),
        pytest.param(checkpoint(0) | {"labels": None}, id="no labels"),
        pytest.param(checkpoint(0) | {"preprocess": None}, id="no preprocessing"),
        pytest.param(checkpoint(0) | {"model": torch.zeros(3)}, id="a tensor for a model"),
        pytest.param(network(0).state_dict(), id="bare weights"),
        pytest.param([1, 2, 3], id="a list"),
    ],
)
def test_a_foreign_checkpoint_is_refused(tmp_path: Path, content: object) -> None:
    with pytest.raises(CheckpointError, match=r"epoch-0.pt: is not a checkpoint of wfctl"):
        load_trained(write_run(tmp_path / "run", content))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"just text\n", id="text"),
        pytest.param(pickle.dumps({"model": {}, "labels": ["a"]}), id="a plain pickle"),
        pytest.param(b"\x80\x02]q\x00(h\x01h\x02e.", id="references to nothing"),
    ],
)
def test_what_torch_did_not_write_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(CheckpointError, match=r"epoch-0.pt: is not a "):
        load_trained(write_run(tmp_path / "run", content))


def test_reading_a_checkpoint_never_runs_its_code(tmp_path: Path) -> None:
    target = tmp_path / "harmed"
    content = checkpoint(0) | {"extra": Bomb(target)}
    run = write_run(tmp_path / "run", content)
    with pytest.raises(CheckpointError, match="is not a readable checkpoint"):
        load_trained(run)
    assert not target.exists()
    torch.load(run.checkpoints / "epoch-0.pt", weights_only=False)  # the bomb is a real one
    assert target.exists()


def test_a_whole_model_is_refused(tmp_path: Path) -> None:
    """A pickled module would run code of its class."""
    torch.save({"model": network(0), "labels": LABELS}, tmp_path / "model.pt")
    with pytest.raises(CheckpointError, match=r"model.pt: is not a readable checkpoint"):
        read_checkpoint(tmp_path / "model.pt")


def test_weights_of_another_network_are_refused_with_what_differs(tmp_path: Path) -> None:
    narrow = FizzBuzzMlp(classes=4, hidden=16).state_dict()
    run = write_run(tmp_path / "run", checkpoint(0) | {"model": narrow})
    with pytest.raises(
        CheckpointError, match=r"epoch-0.pt: does not fit the recipe's network: size mismatch"
    ):
        load_trained(run)


def test_a_network_is_built_for_the_number_of_classes() -> None:
    built = build_network(Model(name="digits-cnn", options={"width": 4}), classes=7)
    assert isinstance(built, nn.Module)
    assert built(torch.zeros(2, 1, 8, 8)).shape == (2, 7)


def test_what_gives_no_network_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "user_no_network.py").write_text("def build(classes): return 'network'")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RecipeError, match=r"user_no_network:build gives a str, not a torch.nn"):
        build_network(Model(name="user_no_network:build"), classes=2)
