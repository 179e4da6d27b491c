"""Part of a data set held out, where it has no split of its own."""

import hashlib
from collections import defaultdict
from collections.abc import Hashable, Sequence

from ..core.errors import RecipeError

DEFAULT_RATIO = 0.2


def held_out_by_ratio(keys: Sequence[str], classes: Sequence[Hashable], ratio: float) -> list[bool]:
    """Which samples are held out: the share `ratio` of every class, chosen by hash.

    It follows from names and classes alone: no seed changes it, and no order. Of a class with
    at least two samples, one or more are on either side.

    Args:
        keys: a name of each sample that stays, such as its path within the data set.
        ratio: above 0 and below 1.

    Raises:
        RecipeError: the ratio is not between 0 and 1.
    """
    if isinstance(ratio, bool) or not isinstance(ratio, int | float) or not 0 < ratio < 1:
        raise RecipeError(
            [f"data.options.held_out: expected a share above 0 and below 1, got {ratio!r}"]
        )
    members: defaultdict[Hashable, list[int]] = defaultdict(list)
    for index, each in enumerate(classes):
        members[each].append(index)
    chosen = [False] * len(keys)
    for indices in members.values():
        ordered = sorted(indices, key=lambda index: _digest(keys[index]))
        count = min(max(round(len(indices) * ratio), 1), len(indices) - 1)
        for index in ordered[:count]:
            chosen[index] = True
    return chosen


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
