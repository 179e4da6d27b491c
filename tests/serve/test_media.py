import base64
import io
from pathlib import Path

import numpy as np
import orjson
import pytest
from numpy.typing import NDArray
from PIL import Image

from wfctl.core.artifact import read_manifest
from wfctl.core.decode import DEFAULT_LIMITS, Limits
from wfctl.core.errors import InputError
from wfctl.core.manifest import ImageInput, Manifest, TableInput, TensorSpec
from wfctl.serve.media import MediaType, accepted_media, check_media, decode_body
from wfctl.tests.helpers.bad_files import huge_png


@pytest.fixture
def image(image_artifact: Path) -> Manifest:
    return read_manifest(image_artifact)


@pytest.fixture
def number(number_artifact: Path) -> Manifest:
    return read_manifest(number_artifact)


@pytest.fixture
def table(number: Manifest) -> Manifest:
    spec = TensorSpec(name="row", dtype="float32", shape=(-1, 2))
    host = TableInput(columns=("age", "bmi"))
    return number.model_copy(update={"inputs": (spec,), "host_preprocess": host})


def png(mode: str = "L", size: tuple[int, int] = (5, 4)) -> bytes:
    """Pixels 0, 1, 2 ... in reading order."""
    width, height = size
    pixels = np.arange(width * height, dtype=np.uint8).reshape(height, width)
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, "PNG")
    return buffer.getvalue()


def multipart(*parts: tuple[str, bytes]) -> tuple[str, bytes]:
    body = b"".join(
        b"--XX\r\ncontent-disposition: form-data; %s\r\n\r\n%s\r\n" % (head.encode(), data)
        for head, data in parts
    )
    return "multipart/form-data; boundary=XX", body + b"--XX--\r\n"


def decode(
    manifest: Manifest, content_type: str, body: bytes, limits: Limits = DEFAULT_LIMITS
) -> NDArray[np.generic]:
    sample = decode_body(manifest, MediaType.parse(content_type), body, limits)
    assert list(sample) == [manifest.inputs[0].name]
    return sample[manifest.inputs[0].name]


def test_every_form_of_a_picture_gives_the_same_pixels(image: Manifest) -> None:
    expected = np.arange(20, dtype=np.uint8).reshape(4, 5, 1)
    form_type, form = multipart(('name="image"; filename="a.png"', png()))
    forms = {
        "file": decode(image, "image/png", png()),
        "any image type": decode(image, "Image/X-Own; q=1", png()),
        "multipart": decode(image, form_type, form),
        "base64": decode(
            image, "application/json", orjson.dumps({"image": base64.b64encode(png()).decode()})
        ),
        "(H, W)": decode(
            image, "application/json", orjson.dumps({"image": expected[:, :, 0].tolist()})
        ),
        "(H, W, 1)": decode(image, "application/json", orjson.dumps({"image": expected.tolist()})),
    }
    for name, pixels in forms.items():
        assert pixels.dtype == np.uint8, name
        np.testing.assert_array_equal(pixels, expected, err_msg=name)


def test_pixels_are_brought_to_the_models_colour_mode(image: Manifest) -> None:
    rgb = image.model_copy(update={"host_preprocess": ImageInput(mode="RGB")})
    colour = [[[255, 0, 0], [0, 255, 0]]]
    body = orjson.dumps({"image": colour})
    grey = decode(image, "application/json", body)
    assert grey.ravel().tolist() == [76, 150]  # ITU-R 601 luma, as for a file
    assert decode(rgb, "application/json", body).tolist() == colour
    assert decode(rgb, "application/json", orjson.dumps({"image": [[7]]})).tolist() == [[[7, 7, 7]]]


def test_every_form_of_a_number_gives_the_same_value(number: Manifest) -> None:
    form_type, form = multipart(('name="number"', b"15"))
    forms = [("text/plain; charset=utf-8", b" 15\n"), ("application/json", b'{"number": 15}')]
    for content_type, body in [*forms, (form_type, form)]:
        value = decode(number, content_type, body)
        assert value.shape == ()
        assert value.dtype == np.int64
        assert value == 15


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"image": ', "the body is not valid JSON"),
        (b"[1]", 'expected a JSON object, {"image": ...}'),
        (b"{}", "the key 'image' is missing"),
        (b'{"imgae": "AA=="}', r"unknown key 'imgae' \(did you mean 'image'\?\)"),
        (b'{"x": 1}', r"unknown key 'x' \(expected 'image'\)"),
        (b'{"image": "AA==", "extra": 1}', "unknown key 'extra'"),
        (b'{"image": "not base64!"}', "image: expected a picture file in base64"),
        (b'{"image": 7}', "image: expected a picture file in base64, or its pixels"),
        (b'{"image": []}', r"got shape \(0,\)"),
        (b'{"image": [[1, 2], [3]]}', "the rows differ in length"),
        (b'{"image": [[1, 256]]}', "a value is something else"),
        (b'{"image": [[-1]]}', "a value is something else"),
        (b'{"image": [[0.5]]}', "a value is something else"),
        (b'{"image": [[true]]}', "a value is something else"),
        (b'{"image": [["a"]]}', "a value is something else"),
        (b'{"image": [[null]]}', "a value is something else"),
        (b'{"image": [[18446744073709551615]]}', "a value is something else"),
        (b'{"image": [[[1, 2]]]}', r"got shape \(1, 1, 2\)"),
        (b'{"image": ' + b"[" * 5000 + b"]" * 5000 + b"}", "the body is not valid JSON"),
    ],
)
def test_bad_json_for_a_picture_is_named(image: Manifest, body: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message.replace("{", r"\{")) as caught:
        decode(image, "application/json", body)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"number": "15"}', 'number: expected a whole number, got "15"'),
        (b'{"number": 1.5}', "got 1.5"),
        (b'{"number": true}', "got true"),
        (b'{"number": null}', "got null"),
        (b'{"number": 1e300}', r"got 1e\+?300"),
        (b'{"number": 1024}', "number: expected a number from 0 to 1023, got 1024"),
        (b'{"nubmer": 15}', "did you mean 'number'"),
    ],
)
def test_bad_json_for_a_number_is_named(number: Manifest, body: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        decode(number, "application/json", body)


@pytest.mark.parametrize(
    ("content_type", "body", "message"),
    [
        ("multipart/form-data", b"x", "needs a boundary"),
        ("multipart/form-data; boundary=XX", b"no boundary here", "not valid multipart/form-data"),
        ("multipart/form-data; boundary=XX", b"--XX\r\n\r\nhalf", "its last boundary is missing"),
        (
            "multipart/form-data; boundary=XX",
            b"--XX--\r\n",
            "expected a part named 'image', got no",
        ),
        (*multipart(('name="file"', b"1"), ('name="more"', b"2")), "got 'file', 'more'"),
        (*multipart(*[('name="a"', b"1")] * 17), "more than 16 parts are not taken"),
        (*multipart((f'name="{"a" * 9000}"', b"1")), "Maximum header size exceeded"),
        (*multipart(('name="image"', b"")), r"the file is empty \(0 bytes\)"),
    ],
)
def test_bad_multipart_is_named(
    image: Manifest, content_type: str, body: bytes, message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        decode(image, content_type, body)
    assert caught.value.status == 400


def test_a_file_may_hold_what_looks_like_a_boundary(image: Manifest) -> None:
    noise = bytes(range(256)) + b"\r\n--XY\r\n--X\r\n" + bytes(1000)
    content_type, body = multipart(('name="image"', png() + noise))
    assert decode(image, content_type, body).shape == (4, 5, 1)


@pytest.mark.parametrize(
    ("content_type", "body", "message", "status"),
    [
        ("image/png", b"just text", "not a picture in a known format", 415),
        ("image/png", b"", r"the body is empty \(0 bytes\)", 400),
        ("image/png", png()[:48], "the picture is damaged", 400),
        (
            "text/plain",
            b"15",
            "content-type 'text/plain' is not taken here; expected one of: im",
            415,
        ),
        ("", b"x", "a body without content-type is not taken here", 415),
    ],
)
def test_what_is_not_a_picture_is_refused(
    image: Manifest, content_type: str, body: bytes, message: str, status: int
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        decode(image, content_type, body)
    assert caught.value.status == status


def test_a_huge_picture_is_refused_before_it_is_decoded(image: Manifest) -> None:
    with pytest.raises(InputError, match="the picture is too large") as caught:
        decode(image, "image/png", huge_png())
    assert caught.value.status == 413


def test_pixels_in_json_have_the_limit_of_files(image: Manifest) -> None:
    with pytest.raises(InputError, match="more than 3 pixels") as caught:
        decode(image, "application/json", b'{"image": [[1, 2], [3, 4]]}', Limits(max_pixels=3))
    assert caught.value.status == 413


def test_accepted_media_are_those_that_pass(image: Manifest, number: Manifest) -> None:
    assert accepted_media(image) == ("image/*", "multipart/form-data", "application/json")
    assert accepted_media(number) == ("text/plain", "multipart/form-data", "application/json")
    for manifest in (image, number):
        for pattern in accepted_media(manifest):
            check_media(manifest, MediaType.parse(pattern.replace("*", "jpeg")))


def test_a_content_type_is_taken_apart() -> None:
    media = MediaType.parse('Multipart/Form-Data; Boundary="a b"; charset=utf-8')
    assert media.essence == "multipart/form-data"
    assert media.parameters == {"boundary": "a b", "charset": "utf-8"}
    assert MediaType.parse(None).essence == ""


def test_every_form_of_a_row_gives_the_same_values(table: Manifest) -> None:
    content_type, body = multipart(('name="row"', b"59,32.5"))
    for media, data in (
        ("text/csv", b"59,32.5"),
        ("text/plain", b"bmi,age\n32.5,59"),
        ("application/json", b'{"bmi": 32.5, "age": 59}'),
        ("application/json", b"[59, 32.5]"),
        ("application/json", b'{"row": [59, 32.5]}'),
        ("application/json", b'{"row": {"age": 59, "bmi": 32.5}}'),
        (content_type, body),
    ):
        row = decode(table, media, data)
        assert str(row.dtype) == "float32"
        assert row.tolist() == [59, 32.5]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"age": 59, "bni": 3}', r"unknown column 'bni' \(did you mean 'bmi'\?\)"),
        (b'{"row": {"age": 59}}', "the column 'bmi' is missing"),
        (b'{"row": 59}', "expected an object of column names and numbers, or a list"),
        (b'{"age": 59, "bmi": "3"}', 'bmi: expected a number, got "3"'),
        (b"[1]", r"expected 2 numbers \(age, bmi\), got 1"),
    ],
)
def test_bad_json_for_a_row_is_named(table: Manifest, body: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        decode(table, "application/json", body)


def test_a_row_is_no_picture(table: Manifest) -> None:
    with pytest.raises(InputError, match="expected one of: text/csv, text/plain, multipart"):
        check_media(table, MediaType.parse("image/png"))
