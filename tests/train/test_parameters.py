import pytest
import torch
from torch import nn

from wfctl.core.errors import RecipeError
from wfctl.core.recipe import Model, Train
from wfctl.train.parameters import freeze, parameter_groups, set_training_mode


class Network(nn.Module):
    """A body with batch statistics, a part without parameters, a bare parameter and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.body = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
        self.body_two = nn.Linear(4, 4)
        self.pool = nn.ReLU()
        self.head = nn.Linear(4, 2)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        body = self.body_two(self.body(inputs * self.scale))
        return self.head(self.pool(body))  # type: ignore[no-any-return]


def trained(network: nn.Module) -> set[str]:
    return {name for name, each in network.named_parameters() if each.requires_grad}


def test_named_parts_are_frozen_and_others_of_like_name_are_not() -> None:
    network = Network()
    freeze(network, Model(name="x", freeze=("body",)))
    assert trained(network) == {
        "scale", "body_two.weight", "body_two.bias", "head.weight", "head.bias",
    }  # fmt: skip


def test_all_but_head_leaves_the_last_part_with_parameters() -> None:
    network = Network()
    freeze(network, Model(name="x", freeze="all-but-head"))
    assert trained(network) == {"head.weight", "head.bias"}


def test_frozen_batch_statistics_do_not_move() -> None:
    network = Network()
    frozen = freeze(network, Model(name="x", freeze=("body",)))
    before = {name: value.clone() for name, value in network.body.state_dict().items()}
    set_training_mode(network, frozen)
    network(torch.randn(8, 4))
    assert network.training
    assert network.head.training
    assert all(torch.equal(before[name], now) for name, now in network.body.state_dict().items())


def test_nothing_left_to_train_is_a_fault() -> None:
    with pytest.raises(RecipeError, match="nothing is left to train"):
        freeze(nn.Sequential(nn.Linear(1, 1)), Model(name="x", freeze=("0",)))


def test_unknown_part_names_those_there_are() -> None:
    with pytest.raises(RecipeError, match=r"model.freeze: the network has no part bdy \(it has: "):
        freeze(Network(), Model(name="x", freeze=("bdy",)))


def test_parts_have_their_own_rates_and_the_longest_name_wins() -> None:
    network = Network()
    train = Train(epochs=1, lr=1.0, lr_by_part={"body": 0.1, "body.1": 0.01})
    groups = parameter_groups(network, train)
    rates = {id(each): group["lr"] for group in groups for each in group["params"]}
    named = {name: rates[id(each)] for name, each in network.named_parameters()}
    assert named["body.0.weight"] == 0.1
    assert named["body.1.weight"] == 0.01
    assert named["head.weight"] == named["body_two.weight"] == 1.0


def test_rate_of_an_unknown_part_is_a_fault() -> None:
    with pytest.raises(RecipeError, match=r"train.lr_by_part: the network has no part tail"):
        parameter_groups(Network(), Train(epochs=1, lr_by_part={"tail": 0.1}))


def test_the_dropout_before_a_head_goes_on() -> None:
    network = nn.Sequential()
    network.add_module("body", nn.Linear(4, 4))
    network.add_module("dropout", nn.Dropout(0.5))
    network.add_module("head", nn.Linear(4, 2))
    set_training_mode(network, freeze(network, Model(name="x", freeze="all-but-head")))
    assert network.get_submodule("dropout").training
    assert not network.get_submodule("body").training
