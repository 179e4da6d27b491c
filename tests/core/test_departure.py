import numpy as np

from wfctl.core.departure import departure


def test_small_values_depart_by_difference_and_large_ones_by_their_share() -> None:
    expected = np.array([0.5, -1.0, 250_000.0, -200.0], dtype=np.float32)
    given = np.array([0.6, -0.9, 250_025.0, -200.02], dtype=np.float32)
    np.testing.assert_allclose(departure(given, expected), [0.1, 0.1, 1e-4, 1e-4], rtol=1e-3)


def test_what_is_no_number_never_passes() -> None:
    numbers = np.array([np.nan, 1.0, np.inf], dtype=np.float32)
    others = np.array([1.0, np.nan, np.inf], dtype=np.float32)
    with np.errstate(invalid="ignore"):
        assert not (departure(numbers, others) <= 1e9).any()
