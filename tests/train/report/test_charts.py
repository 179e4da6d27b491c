import math
import xml.etree.ElementTree as ET

import numpy as np

from wfctl.train.report.charts import line_chart, scatter_chart, shorten, wave_chart
from wfctl.train.report.matrix import matrix_chart

NASTY = '"><script>alert(1)</script>&'


def lines_of(svg: str) -> list[list[tuple[float, float]]]:
    found = []
    for line in ET.fromstring(svg).iter("polyline"):
        pairs = [pair.split(",") for pair in line.attrib["points"].split()]
        found.append([(float(x), float(y)) for x, y in pairs])
    return found


def test_a_line_has_its_points_in_order_and_larger_values_higher() -> None:
    svg = line_chart("loss", {"train": [(1, 4.0), (2, 2.0), (3, 3.0)]})
    (line,) = lines_of(svg)
    xs, ys = [x for x, _ in line], [y for _, y in line]
    assert xs == sorted(xs)
    assert ys[0] < ys[2] < ys[1]


def test_values_that_are_no_numbers_are_gaps() -> None:
    points = [(1, 1.0), (2, 2.0), (3, math.nan), (4, math.inf), (5, 3.0), (6, 4.0)]
    assert [len(line) for line in lines_of(line_chart("loss", {"val": points}))] == [2, 2]


def test_a_single_epoch_is_a_dot() -> None:
    root = ET.fromstring(line_chart("loss", {"val": [(1, 0.5)]}))
    assert [circle.attrib["class"] for circle in root.iter("circle")] == ["dot"]


def test_the_best_epoch_is_marked_on_every_line_that_has_it() -> None:
    curves = {"train": [(1, 1.0), (2, 2.0)], "val": [(1, 1.5), (2, math.nan)]}
    root = ET.fromstring(line_chart("loss", curves, best=2))
    assert len([line for line in root.iter("line") if line.attrib["class"] == "best"]) == 1
    assert len([circle for circle in root.iter("circle") if circle.attrib["class"] == "mark"]) == 1


def test_nothing_finite_is_no_chart() -> None:
    assert line_chart("loss", {"val": [(1, math.nan)]}) == ""
    assert line_chart("loss", {}) == ""
    assert scatter_chart("y", np.array([math.nan]), np.array([1.0])) == ""


def test_long_curves_are_thinned_and_keep_their_ends() -> None:
    (line,) = lines_of(line_chart("loss", {"val": [(x, float(x)) for x in range(1, 10_001)]}))
    assert len(line) < 1000
    assert line[-1][0] == max(x for x, _ in line)


def test_a_scatter_has_a_dot_a_sample_and_equals_on_the_diagonal() -> None:
    values = np.array([1.0, 2.0, 5.0])
    root = ET.fromstring(scatter_chart("y", values, values))
    dots = [(float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in root.iter("circle")]
    (line,) = [each.attrib for each in root.iter("line") if each.attrib["class"] == "equal"]
    slope = (float(line["y2"]) - float(line["y1"])) / (float(line["x2"]) - float(line["x1"]))
    assert len(dots) == 3
    for x, y in dots:
        assert abs(float(line["y1"]) + slope * (x - float(line["x1"])) - y) < 0.2


def test_a_matrix_shows_counts_and_names_every_cell_that_has_one() -> None:
    counts = np.array([[7, 0], [2, 5]])
    root = ET.fromstring(matrix_chart("Confusion matrix", counts, ["cat", NASTY]))
    tips = {tip.text for rect in root.iter("rect") for tip in rect.iter("title")}
    assert tips == {
        "cat taken for cat: 7", f"{NASTY} taken for cat: 2", f"{NASTY} taken for {NASTY}: 5"
    }  # fmt: skip
    numbers = {text.text for text in root.iter("text") if text.attrib["class"].startswith("on-")}
    assert numbers == {"7", "2", "5"}


def test_hostile_text_stays_text() -> None:
    for svg in (
        line_chart(NASTY, {NASTY: [(1, 1.0), (2, 2.0)]}),
        matrix_chart(NASTY, np.eye(2, dtype=np.int64), [NASTY, "b"]),
        wave_chart(NASTY, np.sin(np.arange(500.0))),
    ):
        assert "<script" not in svg
        assert "script" not in {element.tag for element in ET.fromstring(svg).iter()}


def test_text_is_cut_with_an_ellipsis() -> None:
    assert shorten("abcdef", 6) == "abcdef"
    assert shorten("abcdefg", 6) == "abcde…"
