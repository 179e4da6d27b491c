"""The statistics of a benchmark, in plain floats: percentiles, ratios, and how sure they are."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

CONFIDENCE = 0.95  # of the interval around a ratio, two-sided
TRIM = 0.2  # share of a launch's rounds left out at each end, since some are disturbed
# The fewest values from which a percentile is given. For a tail percentile p: the smallest n of
# which at most one value lies above p with a probability of 1 % or less.
NEEDED = {50: 1, 90: 64, 95: 130, 99: 662}


@dataclass(frozen=True)
class Estimate:
    """A ratio of two latencies with its confidence interval.

    `clusters` says what was taken as independent: whole launches (fresh processes), or, when there
    was only one launch, its rounds; the latter misses what differs from process to process.
    """

    ratio: float
    low: float | None
    high: float | None
    clusters: Literal["launch", "round"]
    count: int


def percentile(ordered: Sequence[float], percent: int) -> float:
    """The nearest-rank percentile of values in ascending order: one of the values, never between.

    Raises:
        ValueError: there are no values.
    """
    if not len(ordered):
        raise ValueError("a percentile needs at least one value")
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def trusted_percentile(ordered: Sequence[float], percent: int) -> float | None:
    """The percentile, or None when there are fewer values than `NEEDED` says."""
    return percentile(ordered, percent) if len(ordered) >= NEEDED[percent] else None


def estimate_ratio(launches: Sequence[Sequence[tuple[float, float]]]) -> Estimate | None:
    """The ratio of a variant's latency to the reference's.

    Args:
        launches: for each launch its rounds, each a pair (median latency of the variant, of the
            reference); a round's two blocks stand next to each other in time, so that the speed of
            the machine cancels.

    Returns:
        None when there is no round at all; an interval of None when there is only one cluster.
    """
    logs = [[math.log(variant / reference) for variant, reference in rounds] for rounds in launches]
    logs = [rounds for rounds in logs if rounds]
    if not logs:
        return None
    if len(logs) == 1:
        return _interval(logs[0], "round", TRIM)
    # There are too few launches to leave one out; their disturbed rounds are left out before.
    return _interval([_trimmed_mean(rounds, TRIM) for rounds in logs], "launch", 0.0)


def _interval(
    values: Sequence[float], clusters: Literal["launch", "round"], trim: float
) -> Estimate:
    """The trimmed mean of logarithms as a ratio, with Student's interval after Yuen (1974)."""
    count = len(values)
    mean = _trimmed_mean(values, trim)
    cut = int(count * trim)
    kept = count - 2 * cut
    if kept < 2:
        return Estimate(math.exp(mean), None, None, clusters, count)
    ordered = sorted(values)
    # Winsorised: what is left out counts as the nearest value that is kept.
    pulled_in = [min(max(value, ordered[cut]), ordered[-1 - cut]) for value in ordered]
    centre = math.fsum(pulled_in) / count
    squares = math.fsum((value - centre) ** 2 for value in pulled_in)
    error = math.sqrt(squares / (kept * (kept - 1)))
    half_width = student_t_quantile((1 + CONFIDENCE) / 2, kept - 1) * error
    low, high = math.exp(mean - half_width), math.exp(mean + half_width)
    return Estimate(math.exp(mean), low, high, clusters, count)


def _trimmed_mean(values: Sequence[float], trim: float) -> float:
    cut = int(len(values) * trim)
    kept = sorted(values)[cut : len(values) - cut]
    return math.fsum(kept) / len(kept)


def student_t_quantile(probability: float, degrees: int) -> float:
    """The value that Student's t with `degrees` of freedom stays below with `probability`.

    Raises:
        ValueError: `probability` is outside [0.5, 1) or `degrees` is below 1.
    """
    if not 0.5 <= probability < 1 or degrees < 1:
        raise ValueError(f"no t quantile for probability {probability} and {degrees} degrees")
    low, high = 0.0, 1.0
    while _student_t_cdf(high, degrees) < probability:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if _student_t_cdf(middle, degrees) < probability else (low, middle)
        )
    return high


def _student_t_cdf(t: float, degrees: int) -> float:
    """P(T <= t) for t >= 0, by the finite sums that hold for whole degrees of freedom."""
    angle = math.atan(t / math.sqrt(degrees))
    cosine, sine = math.cos(angle), math.sin(angle)
    odd = degrees % 2
    term = total = 0.0
    if degrees > 1:
        term = total = cosine if odd else 1.0
    for index in range(3 if odd else 2, degrees - 1, 2):
        term *= cosine * cosine * (index - 1) / index
        total += term
    inside = 2 / math.pi * (angle + sine * total) if odd else sine * total
    return 0.5 + inside / 2
