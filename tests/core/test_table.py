from pathlib import Path

import numpy as np
import pytest

from wfctl.core.errors import InputError, RecipeError
from wfctl.core.table import decode_row, parse_cell, read_table, row_of

COLUMNS = ("age", "bmi", "bp")


@pytest.mark.parametrize(
    "text",
    [
        "59,32.1,-101",
        " 59 , 32.1, -1.01e2 \n",
        "59\t32.1\t-101",
        '"59","32.1","-101"',
        "bp,age,bmi\n-101,59,32.1\n",
        "[59, 32.1, -101]",
        '{"bmi": 32.1, "bp": -101, "age": 59}',
    ],
)
def test_one_row_in_every_form(text: str) -> None:
    row = decode_row(text, COLUMNS)
    assert row.dtype == np.float32
    np.testing.assert_array_equal(row, np.array([59, 32.1, -101], dtype=np.float32))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a row of numbers, got nothing"),
        ("1,2", r"expected 3 numbers \(age, bmi, bp\), got 2"),
        ("1,,3", "bmi: the value is missing"),
        ("1,NA,3", "bmi: the value is missing"),
        ("1,two,3", "bmi: expected a number, got 'two'"),
        ("1,1_000,3", "bmi: expected a number, got '1_000'"),
        ("1,2,inf", "bp: expected a finite number that float32 can hold, got inf"),
        ("1,2,1e39", r"bp: expected a finite number that float32 can hold, got 1e\+39"),
        ("1,2,3\n4,5,6\n7,8,9", "expected one row, or a header and one row, got 3 lines"),
        ("age,bmi,pb\n1,2,3", r"unknown column 'pb' \(did you mean 'bp'\?\)"),
        ("age,bmi\n1,2", "the column 'bp' is missing"),
        ("age,age,bp\n1,2,3", "the header names a column twice"),
        ("age,bmi,bp\n1,2", "the header names 3 columns, the row has 2"),
        ('{"age": 1, "bmi": 2}', "the column 'bp' is missing"),
        ('{"age": 1, "bmi": 2, "bp": 3, "bmii": 4}', r"'bmii' \(did you mean 'bmi'\?\)"),
        ('{"weight": 1}', r"unknown column 'weight' \(expected: age, bmi, bp\)"),
        ('{"age": 1, "bmi": null, "bp": 3}', "bmi: the value is missing"),
        ('{"age": 1, "bmi": "2", "bp": 3}', 'bmi: expected a number, got "2"'),
        ('{"age": true, "bmi": 2, "bp": 3}', "age: expected a number, got true"),
        ("[1, [2], 3]", r"bmi: expected a number, got \[2\]"),
        ("[1, NaN, 3]", "bmi: expected a finite number that float32 can hold, got nan"),
        (f"[1, 1{400 * '0'}, 3]", "bmi: expected a finite number that float32 can hold, got 1000"),
        ("{age: 1}", "it is not valid JSON"),
        ("[" * 100_000, "it is not valid JSON"),
    ],
)
def test_a_wrong_row_is_refused_with_its_column(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        decode_row(text, COLUMNS)


@pytest.mark.parametrize("value", ["1,2,3", 5, None])
def test_what_is_no_row_is_refused(value: object) -> None:
    with pytest.raises(InputError, match="expected an object of column names and numbers"):
        row_of(value, COLUMNS)


def test_a_cell_is_read_as_python_reads_it() -> None:
    assert parse_cell(" -1.5e-3 ") == -0.0015


def write(folder: Path, text: str, name: str = "train.csv", encoding: str = "utf-8") -> Path:
    file = folder / name
    file.write_text(text, encoding=encoding)
    return file


def test_quoted_lines_and_empty_lines_keep_their_place(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, 'name,size\n"two\nlines",1\n\nplain,2\n'))
    assert table.cells("name") == ["two\nlines", "plain"]
    assert [table.place(row, "size") for row in (0, 1)] == ["train.csv:3:size", "train.csv:5:size"]


def test_tabs_and_other_separators(tmp_path: Path) -> None:
    expected = [("1", "2")]
    for name, text, separator in (
        ("a.tsv", "x\ty\n1\t2\n", None),
        ("a.csv", "x;y\n1;2\n", ";"),
        ("bom.csv", "\ufeffx,y\n1,2\n", None),
    ):
        table = read_table(write(tmp_path, text, name), separator)
        assert (table.columns, list(table.rows)) == (("x", "y"), expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "train.csv:1: is empty; expected a line with the columns' names"),
        ("x,,y\n", "train.csv:1: column 2 has no name"),
        ("x,y,x\n", "train.csv:1:x: the name stands here a second time"),
        ("x,y\n1,2\n1,2,3\n", "train.csv:3: has 3 cells, but the header names 2 columns"),
        ('x,y\n1,"2\n', "train.csv:[23]: is not valid CSV"),
    ],
)
def test_a_broken_table_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        read_table(write(tmp_path, text))


def test_a_table_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"none\.csv: cannot be read \(No such file"):
        read_table(tmp_path / "none.csv")
    latin = write(tmp_path, "größe\n1\n", encoding="latin-1")
    with pytest.raises(RecipeError, match=r"train\.csv: is not text in UTF-8"):
        read_table(latin)
