"""Things to compare, run in turns, so that a noisy moment of the machine meets all of them."""

import gc
import random
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Comparison:
    """Seconds of every round, by the name of what ran."""

    seconds: Mapping[str, tuple[float, ...]]

    def median_s(self, name: str) -> float:
        """The middle of a thing's rounds."""
        return statistics.median(self.seconds[name])

    def ratio(self, name: str, reference: str) -> tuple[float, float, float]:
        """`name` over `reference`: the median of the rounds' ratios, and their quartiles.

        Both ran in the same round, so that the machine's speed at that moment cancels.
        """
        pairs = zip(self.seconds[name], self.seconds[reference], strict=True)
        lower, middle, upper = statistics.quantiles([own / other for own, other in pairs], n=4)
        return middle, lower, upper


def compare(
    variants: Mapping[str, Callable[[], float]], rounds: int, warmup: int = 1, seed: int = 0
) -> Comparison:
    """Run every variant once a round, in an order that changes, after `warmup` rounds unmeasured.

    Args:
        variants: each does its work and says how many seconds of it count.
    """
    generator = random.Random(seed)
    names = list(variants)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(-warmup, rounds):
        generator.shuffle(names)
        for name in names:
            gc.collect()
            elapsed = variants[name]()
            if number >= 0:
                seconds[name].append(elapsed)
    return Comparison({name: tuple(values) for name, values in seconds.items()})
