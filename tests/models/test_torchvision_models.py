import copy
import inspect
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision import models

from wfctl.core.errors import RecipeError
from wfctl.core.recipe import Model
from wfctl.models.torchvision_models import torchvision_builder
from wfctl.models.trained import build_network
from wfctl.models.weights import load_initial_weights

FAMILIES = (
    "alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s",
    "googlenet", "inception_v3", "maxvit_t", "mnasnet0_5", "mobilenet_v2", "mobilenet_v3_small",
    "resnet18", "resnext50_32x4d", "shufflenet_v2_x0_5", "squeezenet1_1", "swin_t", "swin_v2_t",
    "vgg11", "vit_b_16", "wide_resnet50_2", "fcn_resnet50", "deeplabv3_mobilenet_v3_large",
    "lraspp_mobilenet_v3_large",
)  # fmt: skip


def build(name: str, classes: int, seed: int = 0, **options: Any) -> nn.Module:
    torch.manual_seed(seed)
    return build_network(Model(name=f"torchvision:{name}", options=options), classes)


def state_of(name: str, classes: int, seed: int = 1) -> dict[str, torch.Tensor]:
    return build(name, classes, seed).state_dict()


def load(network: nn.Module, name: str, weights: object, classes: int) -> None:
    model = Model(name=f"torchvision:{name}", weights=str(weights))
    load_initial_weights(network, model, classes)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_head_of_every_family_is_for_the_classes(name: str) -> None:
    with torch.device("meta"):
        network = build(name, 7)
        shape = tuple(network.eval()(torch.empty(2, 3, 224, 224)).shape)
    assert shape[:2] == (2, 7)
    assert shape[2:] in {(), (224, 224)}


def test_in_training_too_the_output_is_scores() -> None:
    """Auxiliary heads would make it a tuple or a dictionary."""
    for name in ("googlenet", "lraspp_mobilenet_v3_large"):
        with torch.device("meta"):
            output = build(name, 3).train()(torch.empty(2, 3, 64, 64))
        assert isinstance(output, torch.Tensor)


def test_nothing_is_downloaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Left alone, torchvision fetches the backbone of a network for pixels."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("urllib.request.urlopen", pytest.fail)
    with torch.device("meta"):
        build("deeplabv3_mobilenet_v3_large", 3)
    assert not list(tmp_path.iterdir())


def test_options_reach_the_network() -> None:
    network = build("mobilenet_v3_small", 3, dropout=0.7)
    assert [each.p for each in network.modules() if isinstance(each, nn.Dropout)] == [0.7]
    with torch.device("meta"):
        assert build("vit_b_16", 3, image_size=64)(torch.empty(1, 3, 64, 64)).shape == (1, 3)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("resnet81", {}, "model.name: torchvision.models has no 'resnet81' .did you mean 'resnet"),
        ("resnet18", {"goups": 2}, "model.options.goups: .*did you mean 'groups'"),
        ("resnet18", {"weights": "DEFAULT"}, "model.options.weights: .*no such option"),
        ("googlenet", {"aux_logits": True}, "aux_logits: auxiliary heads are not trained here"),
        ("raft_small", {}, "raft_small compares two pictures, which is no task here"),
        ("fasterrcnn_resnet50_fpn", {}, "finds boxes, which is no task here"),
        ("r3d_18", {}, "takes films; recipes take pictures"),
        ("quantized_resnet18", {}, "train the plain one"),
        ("swin_t", {"stochastic_depth_prob": 0.1}, "model.name: torchvision:swin_t cannot be bui"),
    ],
)
def test_what_is_refused(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        build(name, 3, **options)


def test_every_builder_says_its_options_or_why_not() -> None:
    for name in models.list_models():
        try:
            builder = torchvision_builder(name)
        except RecipeError:
            continue
        assert "classes" in inspect.signature(builder).parameters


def written(state: dict[str, torch.Tensor], folder: Path, form: str) -> Path:
    """A file of weights in one of the forms that people have."""
    file = folder / ("weights.safetensors" if form == "safetensors" else "weights.pt")
    content: dict[str, Callable[[], Any]] = {
        "state dict": lambda: state,
        "below state_dict": lambda: {"state_dict": state, "epoch": 3},
        "data parallel": lambda: {f"module.{name}": each for name, each in state.items()},
        "checkpoint": lambda: {"model": {"wrong": torch.zeros(1)}, "ema": state, "labels": ["a"]},
    }
    if form == "safetensors":
        save_file(state, file)
    else:
        torch.save(content[form](), file)
    return file


@pytest.mark.parametrize(
    "form", ["state dict", "below state_dict", "data parallel", "checkpoint", "safetensors"]
)
def test_all_but_the_head_for_other_classes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    given = state_of("shufflenet_v2_x0_5", classes=10)
    network = build("shufflenet_v2_x0_5", classes=2)
    before = copy.deepcopy(network.state_dict())
    load(network, "shufflenet_v2_x0_5", written(given, tmp_path, form), classes=2)
    head = {"fc.weight", "fc.bias"}
    for name, each in network.state_dict().items():
        assert torch.equal(each, (before if name in head else given)[name]), name
    error = capsys.readouterr().err
    assert "is for 10 classes, this data has 2: the head starts anew (fc.weight, fc.bias)" in error


def test_the_head_too_where_the_classes_are_as_many(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = state_of("shufflenet_v2_x0_5", classes=2)
    network = build("shufflenet_v2_x0_5", classes=2)
    load(network, "shufflenet_v2_x0_5", written(given, tmp_path, "state dict"), classes=2)
    state = network.state_dict()
    assert all(torch.equal(state[name], given[name]) for name in state)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("squeezenet1_1", "classifier.1"),
        ("mobilenet_v3_small", "classifier.3"),
        ("mnasnet0_5", "classifier.1"),
        ("densenet121", "classifier"),
        ("lraspp_mobilenet_v3_large", "classifier.low_classifier"),
    ],
)
def test_the_head_is_found_wherever_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, head: str
) -> None:
    given = state_of(name, classes=5)
    network = build(name, classes=3)
    load(network, name, written(given, tmp_path, "state dict"), classes=3)
    state = network.state_dict()
    kept = [each for each in state if each not in given or state[each].shape != given[each].shape]
    assert f"{head}.weight" in kept
    assert all(torch.equal(state[each], given[each]) for each in state if each not in kept)
    assert f"({', '.join(kept)})" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "source"),
    [("lraspp_mobilenet_v3_large", "mobilenet_v3_large"), ("fcn_resnet50", "resnet50")],
)
def test_weights_of_a_classifier_go_into_a_backbone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, source: str
) -> None:
    if source == "resnet50":
        given = models.resnet50(replace_stride_with_dilation=[False, True, True]).state_dict()
    else:
        given = models.mobilenet_v3_large(dilated=True).state_dict()
    network = build(name, classes=3)
    head = network.get_submodule("classifier").state_dict()
    load(network, name, written(given, tmp_path, "state dict"), classes=3)
    backbone = network.get_submodule("backbone").state_dict()
    prefix = "" if source == "resnet50" else "features."
    assert all(torch.equal(each, given[prefix + key]) for key, each in backbone.items())
    after = network.get_submodule("classifier").state_dict()
    assert all(torch.equal(after[key], each) for key, each in head.items())
    assert "go into the backbone alone; not used: " in capsys.readouterr().err


def test_names_that_do_not_fit_are_given(tmp_path: Path) -> None:
    state = state_of("shufflenet_v2_x0_5", classes=2)
    state["conv1.0.weigth"] = state.pop("conv1.0.weight")
    state["conv5.0.weight"] = torch.zeros(1024, 100, 1, 1)
    file = written(state, tmp_path, "state dict")
    message = (
        r"^model.weights: .*weights.pt does not fit torchvision:shufflenet_v2_x0_5: "
        r"it lacks: conv1.0.weight; unknown: conv1.0.weigth; "
        r"of another shape: conv5.0.weight \(1024, 100, 1, 1\) for \(1024, 192, 1, 1\)$"
    )
    network = build("shufflenet_v2_x0_5", 2)
    before = copy.deepcopy(network.state_dict())
    with pytest.raises(RecipeError, match=message):
        load(network, "shufflenet_v2_x0_5", file, classes=2)
    assert all(torch.equal(before[name], each) for name, each in network.state_dict().items())


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    file = written(state_of("squeezenet1_1", 2), tmp_path, "state dict")
    with pytest.raises(RecipeError, match=r"it lacks: .* and [0-9]+ more; unknown: "):
        load(build("shufflenet_v2_x0_5", 2), "shufflenet_v2_x0_5", file, classes=2)


class Bomb:
    """What a hostile file can hold: unpickling it creates a folder."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "model.weights: there is no file .*weights.pt"),
        (b"not weights", "is no readable file of weights"),
        ("bomb", "is no readable file of weights .tensors only; reading one never runs code"),
        ({"epoch": 3}, "holds no state dict"),
        ([1, 2], "holds no state dict"),
    ],
)
def test_files_that_are_no_weights(tmp_path: Path, content: Any, message: str) -> None:
    file, target = tmp_path / "weights.pt", tmp_path / "made-by-the-file"
    if content == "bomb":
        file.write_bytes(pickle.dumps(Bomb(target)))
    elif isinstance(content, bytes):
        file.write_bytes(content)
    elif content is not None:
        torch.save(content, file)
    with pytest.raises(RecipeError, match=message):
        load(nn.Linear(1, 1), "resnet18", file, classes=1)
    assert not target.exists()


@pytest.mark.parametrize(
    ("name", "weights", "message"),
    [
        ("torchvision:resnet18", "IMAGENET", "weights for resnet18 are: IMAGENET1K_V1"),
        ("torchvision:resnet18", "ResNet19_Weights.DEFAULT", "has no weights ResNet19_Weights"),
        ("digits-cnn", "IMAGENET1K_V1", "there is no file IMAGENET1K_V1 .names of weights go"),
        ("torchvision:googlenet", "DEFAULT", "model.options.transform_input: .*trained with true"),
    ],
)
def test_names_that_are_no_weights(name: str, weights: str, message: str) -> None:
    model = Model(name=name, weights=weights)
    with torch.device("meta"):
        network = build_network(model, 3)
    with pytest.raises(RecipeError, match=message):
        load_initial_weights(network, model, 3)


def test_weights_by_name_come_through_torchvision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the folder where it keeps what it has downloaded; nothing is downloaded here."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("urllib.request.urlopen", pytest.fail)
    cache = tmp_path / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    torch.manual_seed(1)
    given = models.squeezenet1_1().state_dict()
    url = models.SqueezeNet1_1_Weights.IMAGENET1K_V1.url
    torch.save(given, cache / url.rpartition("/")[2])
    for weights in ("DEFAULT", "IMAGENET1K_V1", "SqueezeNet1_1_Weights.IMAGENET1K_V1"):
        network = build("squeezenet1_1", 3)
        random_state = torch.get_rng_state()
        load(network, "squeezenet1_1", weights, classes=3)
        assert torch.equal(torch.get_rng_state(), random_state)  # training stays as it was
        state = network.state_dict()
        head = {"classifier.1.weight", "classifier.1.bias"}
        assert all(torch.equal(state[each], given[each]) for each in state if each not in head)


def test_weights_that_cannot_be_fetched_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def refuse(*arguments: object, **options: object) -> None:
        raise OSError("Name or service not known")

    monkeypatch.setattr("torch.hub.urlopen", refuse)
    with pytest.raises(RecipeError, match=r"IMAGENET1K_V1 cannot be fetched: Name or service"):
        load(build("squeezenet1_1", 3), "squeezenet1_1", "IMAGENET1K_V1", classes=3)
