import math
import random

import pytest

from wfctl.benchmarks.statistics import (
    NEEDED,
    estimate_ratio,
    percentile,
    student_t_quantile,
    trusted_percentile,
)


@pytest.mark.parametrize(
    ("percent", "expected"), [(50, 50.0), (90, 90.0), (95, 95.0), (99, 99.0), (100, 100.0)]
)
def test_percentile_is_the_nearest_rank(percent: int, expected: float) -> None:
    assert percentile([float(value) for value in range(1, 101)], percent) == expected


def test_percentile_of_few_values_is_one_of_them() -> None:
    assert percentile([1.0, 2.0], 50) == 1.0
    assert percentile([7.0], 99) == 7.0


def test_percentile_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        percentile([], 50)


@pytest.mark.parametrize("percent", [90, 95, 99])
def test_needed_is_the_smallest_sample_with_99_percent_confidence(percent: int) -> None:
    def at_most_one_above(n: int) -> float:
        above = 1 - percent / 100
        return float((1 - above) ** n + n * above * (1 - above) ** (n - 1))

    assert at_most_one_above(NEEDED[percent]) <= 0.01 < at_most_one_above(NEEDED[percent] - 1)


def test_percentile_is_withheld_until_there_are_enough_values() -> None:
    values = [float(value) for value in range(NEEDED[95])]
    assert trusted_percentile(values, 95) == percentile(values, 95)
    assert trusted_percentile(values[:-1], 95) is None
    assert trusted_percentile(values[:1], 50) == 0.0


@pytest.mark.parametrize(
    ("probability", "degrees", "expected"),
    [  # from printed tables of Student's t
        (0.975, 1, 12.706), (0.975, 2, 4.303), (0.975, 3, 3.182), (0.975, 5, 2.571),
        (0.975, 10, 2.228), (0.975, 30, 2.042), (0.99, 5, 3.365), (0.95, 7, 1.895),
        (0.995, 4, 4.604), (0.975, 1000, 1.962),
    ],
)  # fmt: skip
def test_t_quantile_equals_the_tables(probability: float, degrees: int, expected: float) -> None:
    assert student_t_quantile(probability, degrees) == pytest.approx(expected, abs=6e-4)


def test_t_quantile_of_one_half_is_zero() -> None:
    assert student_t_quantile(0.5, 4) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(("probability", "degrees"), [(1.0, 5), (0.4, 5), (0.975, 0)])
def test_t_quantile_refuses_what_it_cannot_do(probability: float, degrees: int) -> None:
    with pytest.raises(ValueError, match="no t quantile"):
        student_t_quantile(probability, degrees)


def test_ratio_is_paired_so_drift_cancels() -> None:
    drifting = [[(1.2 * speed, speed) for speed in (1.0, 2.0, 4.0)]]
    estimate = estimate_ratio(drifting)
    assert estimate is not None
    assert (estimate.clusters, estimate.count) == ("round", 3)
    assert estimate.ratio == pytest.approx(1.2)
    assert estimate.low == pytest.approx(1.2)
    assert estimate.high == pytest.approx(1.2)


def test_interval_of_one_launch_is_students_over_its_rounds() -> None:
    logs = [0.0, 0.1, 0.2]
    estimate = estimate_ratio([[(math.exp(value), 1.0) for value in logs]])
    assert estimate is not None
    half_width = 4.3027 * 0.1 / math.sqrt(3)
    assert estimate.low == pytest.approx(math.exp(0.1 - half_width), rel=1e-4)
    assert estimate.high == pytest.approx(math.exp(0.1 + half_width), rel=1e-4)


def test_several_launches_are_the_clusters_and_a_disturbed_round_is_trimmed() -> None:
    quiet = [(1.1, 1.0)] * 6
    disturbed = [*quiet[:5], (50.0, 1.0)]
    estimate = estimate_ratio([quiet, disturbed, quiet])
    assert estimate is not None
    assert (estimate.clusters, estimate.count) == ("launch", 3)
    assert estimate.ratio == pytest.approx(1.1)


def test_interval_holds_the_true_ratio_as_often_as_it_says() -> None:
    source = random.Random(5)
    held = 0
    for _ in range(1000):
        launches = []
        for _ in range(6):
            launch = source.gauss(0, 0.03)
            logs = [math.log(1.3) + launch + source.gauss(0, 0.05) for _ in range(6)]
            launches.append([(math.exp(value), 1.0) for value in logs])
        estimate = estimate_ratio(launches)
        assert estimate is not None
        assert estimate.low is not None
        assert estimate.high is not None
        held += estimate.low <= 1.3 <= estimate.high
    assert 930 <= held <= 970  # 95 %, within three standard errors of 1000 trials


def test_a_disturbed_round_of_a_single_launch_hardly_moves_the_interval() -> None:
    quiet = [(1 + 0.001 * step, 1.0) for step in range(8)]
    estimate = estimate_ratio([[*quiet[:7], (30.0, 1.0)]])
    assert estimate is not None
    assert estimate.low is not None
    assert estimate.high is not None
    assert 1.0 <= estimate.low <= estimate.high <= 1.01


def test_trimmed_interval_holds_the_true_ratio_as_often_as_it_says() -> None:
    source = random.Random(6)
    held = 0
    for _ in range(1000):
        estimate = estimate_ratio([[(math.exp(source.gauss(0, 0.05)), 1.0) for _ in range(8)]])
        assert estimate is not None
        assert estimate.low is not None
        assert estimate.high is not None
        held += estimate.low <= 1 <= estimate.high
    assert 930 <= held <= 970


def test_one_round_has_a_ratio_without_an_interval() -> None:
    estimate = estimate_ratio([[(3.0, 2.0)]])
    assert estimate is not None
    assert estimate.ratio == pytest.approx(1.5)
    assert estimate.low is None
    assert estimate.high is None


def test_no_round_has_no_ratio() -> None:
    assert estimate_ratio([]) is None
    assert estimate_ratio([[], []]) is None
