import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wfctl.core.decode import Limits
from wfctl.core.errors import InputError
from wfctl.core.manifest import Manifest, NumberInput, TableInput, TensorSpec
from wfctl.core.samples import decode_sample, read_sample

PIXELS = np.arange(64, dtype=np.uint8).reshape(8, 8)


def picture() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(PIXELS).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def numbers(manifest: Manifest) -> Manifest:
    return manifest.model_copy(
        update={
            "inputs": (TensorSpec(name="number", dtype="int64", shape=(-1,)),),
            "host_preprocess": NumberInput(minimum=0, maximum=1023),
        }
    )


def test_a_picture_under_the_name_of_the_input(manifest: Manifest) -> None:
    sample = decode_sample(manifest, picture())
    assert list(sample) == ["image"]
    np.testing.assert_array_equal(sample["image"][:, :, 0], PIXELS)


def test_a_file_gives_what_its_content_gives(manifest: Manifest, tmp_path: Path) -> None:
    file = tmp_path / "digit.png"
    file.write_bytes(picture())
    np.testing.assert_array_equal(
        read_sample(manifest, str(file))["image"], decode_sample(manifest, picture())["image"]
    )


def test_a_number_itself_or_in_a_file(numbers: Manifest, tmp_path: Path) -> None:
    file = tmp_path / "number.txt"
    file.write_text("15\n")
    assert read_sample(numbers, "15") == read_sample(numbers, str(file)) == {"number": 15}


def test_a_number_must_be_text(numbers: Manifest) -> None:
    with pytest.raises(InputError, match="expected the text of a whole number in UTF-8"):
        decode_sample(numbers, b"\xff\xfe")


@pytest.mark.parametrize(
    ("content", "message", "status"),
    [
        (None, "there is no such file", 400),
        (b"", r"the file is empty \(0 bytes\)", 400),
        (b"hello", "not a picture in a known format", 415),
        (picture()[:-30], "the picture is damaged", 400),
    ],
)
def test_a_message_names_the_file(
    manifest: Manifest, tmp_path: Path, content: bytes | None, message: str, status: int
) -> None:
    file = tmp_path / "input.png"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError, match=rf"input\.png: {message}") as caught:
        read_sample(manifest, str(file))
    assert caught.value.status == status


def test_a_large_file_is_refused_before_it_is_read(
    manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "large.png"
    file.write_bytes(picture())

    def must_not_be_called(self: Path) -> bytes:
        raise AssertionError("the file was read")

    monkeypatch.setattr(Path, "read_bytes", must_not_be_called)
    with pytest.raises(InputError, match=r"large\.png: the file has \d+ bytes") as caught:
        read_sample(manifest, str(file), Limits(max_bytes=10))
    assert caught.value.status == 413


def test_a_file_that_cannot_be_read(
    manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "locked.png"
    file.write_bytes(picture())

    def denied(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(InputError, match=r"locked\.png: cannot be read \(Permission denied\)"):
        read_sample(manifest, str(file))


def test_a_word_is_no_number(numbers: Manifest) -> None:
    with pytest.raises(InputError, match="fifteen: expected a whole number, got 'fifteen'"):
        read_sample(numbers, "fifteen")


@pytest.fixture
def rows(manifest: Manifest) -> Manifest:
    return manifest.model_copy(
        update={
            "inputs": (TensorSpec(name="row", dtype="float32", shape=(-1, 2)),),
            "host_preprocess": TableInput(columns=("age", "bmi")),
        }
    )


def test_a_row_itself_or_in_a_file(rows: Manifest, tmp_path: Path) -> None:
    file = tmp_path / "row.csv"
    file.write_text("bmi,age\n32.5,59\n")
    for argument in ("59,32.5", '{"age": 59, "bmi": 32.5}', "[59, 32.5]", str(file)):
        assert read_sample(rows, argument)["row"].tolist() == [59, 32.5]


def test_a_row_may_be_longer_than_the_name_of_any_file(rows: Manifest) -> None:
    argument = f'{{"age": 59, {300 * " "} "bmi": 32.5}}'
    assert read_sample(rows, argument)["row"].tolist() == [59, 32.5]


def test_a_wrong_column_of_a_row_is_named(rows: Manifest) -> None:
    with pytest.raises(InputError, match=r"unknown column 'bni' \(did you mean 'bmi'\?\)"):
        read_sample(rows, '{"age": 59, "bni": 32.5}')
