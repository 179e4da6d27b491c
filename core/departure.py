"""How far outputs are from what they should be: one measure for every gate."""

import numpy as np
from numpy.typing import NDArray


def departure(given: NDArray[np.generic], expected: NDArray[np.generic]) -> NDArray[np.float64]:
    """The absolute error of each value; of values beyond 1, as a share of them.

    So that one tolerance serves probabilities and the prices of houses, whose float32 steps are
    larger than any sensible absolute tolerance. Not a number where either is none.
    """
    exact = expected.astype(np.float64)
    error: NDArray[np.float64] = np.abs(given.astype(np.float64) - exact)
    return error / np.maximum(np.abs(exact), 1.0)
