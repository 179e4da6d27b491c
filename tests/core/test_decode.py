import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from wfctl.core.decode import Limits, decode_image, decode_number
from wfctl.core.errors import InputError

GREY = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5  # 0 to 235, height 6, width 8
DEEP = np.linspace(0, 65535, 48).reshape(6, 8).astype(np.uint16)


def encode(image: Image.Image, format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def png(pixels: NDArray[np.generic]) -> bytes:
    return encode(Image.fromarray(pixels), "PNG")


def png_header(width: int, height: int) -> bytes:
    """A PNG that says its size, and has hardly any pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + checksum

    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    pixels = zlib.compress(bytes(100))
    header = chunk(b"IHDR", size + b"\x08\x00\x00\x00\x00")
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF", "PPM"])
def test_grey_pixels_are_kept(format: str) -> None:
    pixels = decode_image(encode(Image.fromarray(GREY), format), "L")
    assert pixels.shape == (6, 8, 1)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels[:, :, 0], GREY)


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_colour_pixels_are_kept(format: str) -> None:
    colour = np.stack([GREY, GREY[::-1], GREY // 2], axis=2)
    options = {"lossless": True} if format == "WEBP" else {}
    pixels = decode_image(encode(Image.fromarray(colour), format, **options), "RGB")
    np.testing.assert_array_equal(pixels, colour)


def test_grey_to_colour_and_back() -> None:
    colour = decode_image(png(GREY), "RGB")
    assert colour.shape == (6, 8, 3)
    np.testing.assert_array_equal(decode_image(png(colour), "L")[:, :, 0], GREY)


@pytest.mark.parametrize(
    "data",
    [
        png(DEEP),
        encode(Image.fromarray(DEEP), "TIFF"),
        b"P5\n8 6\n65535\n" + DEEP.astype(">u2").tobytes(),
    ],
    ids=["png", "tiff", "pgm"],
)
def test_16_bit_grey_is_scaled_not_clipped(data: bytes) -> None:
    expected = (DEEP >> 8).astype(np.uint8)
    np.testing.assert_array_equal(decode_image(data, "L")[:, :, 0], expected)
    np.testing.assert_array_equal(decode_image(data, "RGB")[:, :, 2], expected)


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_pixels_without_a_known_range_are_refused(dtype: type[np.generic]) -> None:
    data = encode(Image.fromarray(GREY.astype(dtype)), "TIFF")
    with pytest.raises(InputError, match="has 32 bits a pixel") as caught:
        decode_image(data, "L")
    assert caught.value.status == 415


def test_transparency_is_dropped() -> None:
    pixels = decode_image(encode(Image.new("RGBA", (2, 2), (7, 8, 9, 0)), "PNG"), "RGB")
    np.testing.assert_array_equal(pixels, np.full((2, 2, 3), (7, 8, 9)))


def test_a_transparent_palette_colour_keeps_its_colour() -> None:
    image = Image.new("P", (2, 2))
    image.putpalette([7, 8, 9] + [0] * 765)
    pixels = decode_image(encode(image, "PNG", transparency=0), "RGB")
    np.testing.assert_array_equal(pixels, np.full((2, 2, 3), (7, 8, 9)))


def test_a_picture_is_turned_as_its_orientation_says() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees, clockwise
    pixels = decode_image(encode(Image.fromarray(GREY), "PNG", exif=exif), "L")
    np.testing.assert_array_equal(pixels[:, :, 0], np.rot90(GREY, -1))


def test_first_frame_of_an_animation() -> None:
    frames = [Image.fromarray(np.full((4, 4), value, np.uint8)) for value in (10, 200)]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(decode_image(data, "L"), np.full((4, 4, 1), 10))


@pytest.mark.parametrize(
    ("data", "message", "status"),
    [
        (b"", r"the file is empty \(0 bytes\)", 400),
        (b"just some text, not a picture", r"not a picture in a known format \(JPEG, PNG", 415),
        (png(GREY)[:-30], "the picture is damaged", 400),
        (png_header(8000, 8000), "too large .8000 x 8000 pixels.; at most 50000000", 413),
        (png_header(20_000, 20_000), "too large .by its header.; at most 50000000", 413),
        (bytes(32 * 2**20 + 1), "the file has 33554433 bytes; at most 33554432 are taken", 413),
    ],
    ids=["empty", "text", "cut off", "large", "bomb", "long"],
)
def test_what_is_no_picture_is_refused(data: bytes, message: str, status: int) -> None:
    with pytest.raises(InputError, match=message) as caught:
        decode_image(data, "L")
    assert caught.value.status == status


def test_limits_can_be_narrowed() -> None:
    assert decode_image(png(GREY), "L", Limits(max_pixels=48)).shape == (6, 8, 1)
    with pytest.raises(InputError, match="at most 47 pixels"):
        decode_image(png(GREY), "L", Limits(max_pixels=47))


def test_real_photos(shared_data: Path) -> None:
    photos = sorted((shared_data / "hymenoptera" / "val" / "ants").glob("*.jpg"))
    assert len(photos) == 30
    for photo in photos:
        with Image.open(photo) as image:
            width, height = image.size
        assert decode_image(photo.read_bytes(), "RGB").shape == (height, width, 3)


@pytest.mark.parametrize(
    ("text", "value"), [("15", 15), (" 15\n", 15), ("+15", 15), ("0", 0), ("1023", 1023)]
)
def test_whole_numbers(text: str, value: int) -> None:
    number = decode_number(text, 0, 1023)
    assert number.shape == ()
    assert number.dtype == np.int64
    assert number == value


@pytest.mark.parametrize("text", ["", "fifteen", "1.5", "1e3", "1_000", "१५", "9" * 5000, "0x10"])
def test_what_is_no_whole_number(text: str) -> None:
    with pytest.raises(InputError, match="expected a whole number, got ") as caught:
        decode_number(text, 0, 1023)
    assert len(str(caught.value)) < 100


@pytest.mark.parametrize("text", ["-1", "1024", "9" * 20])
def test_numbers_out_of_range(text: str) -> None:
    with pytest.raises(InputError, match=f"expected a number from 0 to 1023, got {text}"):
        decode_number(text, 0, 1023)
