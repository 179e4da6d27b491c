import pytest

from wfctl.train.report.scale import epoch_scale, linear_scale, tick_label, value_scale


def test_a_linear_scale_reaches_over_the_values_in_nice_steps() -> None:
    scale = linear_scale([0.13, 0.87], 100.0, 0.0)
    assert [round(tick, 6) for tick in scale.ticks] == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert scale.place(0.0) == 100.0
    assert scale.place(1.0) == pytest.approx(0.0)
    assert scale.place(0.5) == pytest.approx(50.0)


def test_values_that_are_all_equal_still_have_a_scale() -> None:
    scale = linear_scale([3.0, 3.0], 0.0, 10.0)
    assert scale.low < 3.0 < scale.high
    assert linear_scale([0.0], 0.0, 10.0).place(0.0) == pytest.approx(5.0)


def test_values_orders_of_magnitude_apart_are_logarithmic() -> None:
    scale = value_scale([0.003, 40.0], 0.0, 100.0)
    assert scale.logarithmic
    assert [scale.low, scale.high] == pytest.approx([0.002, 50.0])
    assert scale.ticks == pytest.approx((0.01, 0.1, 1.0, 10.0))
    steps = [scale.place(10 * tick) - scale.place(tick) for tick in scale.ticks[:-1]]
    assert steps == pytest.approx([steps[0]] * 3)


@pytest.mark.parametrize("values", [[0.1, 5.0], [0.0, 500.0], [-1.0, 500.0]])
def test_other_values_are_linear(values: list[float]) -> None:
    assert not value_scale(values, 0.0, 1.0).logarithmic


@pytest.mark.parametrize(
    ("last", "ticks"), [(1, (1,)), (3, (1, 2, 3)), (15, (1, 5, 10, 15)), (300, (1, 100, 200, 300))]
)
def test_epochs_are_whole_numbers_from_one_on(last: int, ticks: tuple[float, ...]) -> None:
    assert epoch_scale(last, 0.0, 1.0).ticks == ticks


@pytest.mark.parametrize(
    ("value", "label"), [(0.0, "0"), (0.25, "0.25"), (30000.0, "30000"), (1e-6, "1e-06")]
)
def test_ticks_are_short(value: float, label: str) -> None:
    assert tick_label(value) == label
