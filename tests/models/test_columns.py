import io

import pytest
import torch
from torch import Tensor

from wfctl.core.errors import RecipeError
from wfctl.core.manifest import TableInput
from wfctl.core.recipe import Data, TablePreprocess
from wfctl.models.columns import StandardiseColumns
from wfctl.models.dataset import load_splits
from wfctl.models.preprocess import (
    build_preprocess,
    describe_boundary,
    describe_input,
    fit_preprocess,
)

SECTION = TablePreprocess(kind="table")


def rows() -> Tensor:
    """Columns of very different scale; the last one is constant."""
    torch.manual_seed(0)
    return torch.stack([torch.randn(200) * 3 + 1e5, torch.rand(200), torch.full((200,), 7.0)], 1)


def fitted() -> StandardiseColumns:
    module = StandardiseColumns()
    module.fit(("far", "near", "constant"), rows())
    return module


def test_columns_have_mean_0_and_deviation_1_and_a_constant_one_is_0() -> None:
    standardised = fitted()(rows()).double()
    assert standardised.mean(dim=0).abs().max() < 2e-3  # 1e5 has steps of 0.008 in float32
    assert standardised[:, :2].std(dim=0, correction=0).tolist() == pytest.approx([1, 1], abs=1e-3)
    assert not standardised[:, 2].any()


def test_means_and_columns_travel_in_a_checkpoint() -> None:
    stream = io.BytesIO()
    torch.save(fitted().state_dict(), stream)
    stream.seek(0)
    loaded = StandardiseColumns()
    loaded.load_state_dict(torch.load(stream, weights_only=True))
    assert loaded.columns == ("far", "near", "constant")
    assert torch.equal(loaded(rows()), fitted()(rows()))


def test_only_the_training_split_is_learned_from() -> None:
    splits = load_splits(Data(source="diabetes"))
    module = build_preprocess(SECTION)
    fit_preprocess(module, splits.train)
    assert isinstance(module, StandardiseColumns)
    train = splits.train.tensors()[0]  # type: ignore[attr-defined]
    torch.testing.assert_close(module.mean, train.double().mean(dim=0).float())
    assert module.columns == splits.columns


def test_rows_of_another_width_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"2 columns are named, but a row has shape \(3,\)"):
        StandardiseColumns().fit(("a", "b"), rows())


def test_data_that_is_no_table_is_refused() -> None:
    digits = load_splits(Data(source="digits"))
    with pytest.raises(RecipeError, match="preprocess: kind table needs data that has `columns`"):
        fit_preprocess(build_preprocess(SECTION), digits.train)


def test_the_description_names_the_columns() -> None:
    host, spec = describe_input(SECTION, ("far", "near"))
    assert host == TableInput(columns=("far", "near"))
    assert (spec.name, spec.dtype, spec.shape) == ("row", "float32", (-1, 2))
    assert describe_boundary(SECTION, ("far", "near")).shape == (-1, 2)
