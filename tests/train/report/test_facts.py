import pytest

from wfctl.train.report.facts import duration_text, heading, readable, value_text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(4.24, "4.2 s"), (59.9, "59.9 s"), (312, "5 min 12 s"), (11_100, "3 h 05 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_names_and_values_are_for_people() -> None:
    assert readable("root_mean_squared_error") == "root mean squared error"
    assert heading("recall_at_1") == "Recall at 1"
    assert readable("miou") == "mean IoU"
    assert value_text("accuracy", 0.9876) == "98.8%"
    assert value_text("loss", 0.9876) == "0.9876"
