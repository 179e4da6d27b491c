import numpy as np
import torch
from sklearn.datasets import load_diabetes

from wfctl.models.diabetes import Diabetes


def test_no_patient_is_in_both_splits_and_none_is_lost() -> None:
    source = load_diabetes(scaled=False)
    held_out = np.arange(442) % 5 == 0
    rows, targets = Diabetes("val").tensors()
    np.testing.assert_allclose(rows.numpy(), source.data[held_out], rtol=1e-6)
    assert np.array_equal(targets[:, 0].numpy(), source.target[held_out])
    assert np.array_equal(Diabetes("train").tensors()[1][:, 0].numpy(), source.target[~held_out])


def test_columns_are_named_as_the_source_names_them() -> None:
    assert list(Diabetes.columns) == load_diabetes().feature_names
    assert Diabetes("val")[0][0].shape == (10,)


def test_a_sample_is_a_row_of_the_split() -> None:
    data = Diabetes("train")
    row, target = data[3]
    assert torch.equal(row, data.tensors()[0][3])
    assert target.shape == (1,)
