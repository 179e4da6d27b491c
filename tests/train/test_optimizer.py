import pytest
import torch

from wfctl.core.errors import RecipeError
from wfctl.core.recipe import Train
from wfctl.train.optimizer import build_optimizer, find_optimizer


def test_every_concrete_optimizer_of_torch_can_be_named() -> None:
    for name in ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "NAdam", "LBFGS"):
        assert find_optimizer(Train(epochs=1, optimizer=name)) is getattr(torch.optim, name)


def test_options_and_rates_reach_the_optimizer() -> None:
    parameter = torch.nn.Parameter(torch.zeros(1))
    train = Train(epochs=1, optimizer="SGD", lr=0.5, optimizer_options={"momentum": 0.9})
    optimizer = build_optimizer(train, [{"params": [parameter], "lr": 0.1}])
    group = optimizer.param_groups[0]
    assert (group["lr"], group["momentum"]) == (0.1, 0.9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": "Adm"}, r"train.optimizer: torch.optim has no 'Adm' \(did you mean 'Adam'"),
        (
            {"optimizer": "SGD", "optimizer_options": {"momentun": 1}},
            r"train.optimizer_options.momentun: SGD has no such option \(did you mean 'momentum'",
        ),
    ],
)
def test_unknown_names_give_the_nearest(options: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        find_optimizer(Train.model_validate({"epochs": 1, **options}))


def test_values_out_of_range_name_the_key() -> None:
    train = Train(epochs=1, optimizer="SGD", optimizer_options={"momentum": -1.0})
    with pytest.raises(RecipeError, match=r"train.optimizer_options: Invalid momentum value: -1"):
        build_optimizer(train, [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 1.0}])
