import torch

from wfctl.core.recipe import Model
from wfctl.models.trained import build_network


def test_the_number_of_columns_is_given() -> None:
    network = build_network(Model(name="mlp", options={"hidden": [5]}), classes=2, columns=7)
    assert network(torch.zeros(3, 7)).shape == (3, 2)
    assert sum(parameter.numel() for parameter in network.parameters()) == 7 * 5 + 5 + 5 * 2 + 2
