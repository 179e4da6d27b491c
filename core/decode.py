"""Bytes to arrays, before any graph: the one place for it, in training and in serving alike."""

import io
import re
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from .errors import InputError

IMAGE_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")


@dataclass(frozen=True)
class Limits:
    """What a sample may cost before it is decoded."""

    max_bytes: int = 32 * 2**20
    max_pixels: int = 50_000_000


DEFAULT_LIMITS = Limits()


def decode_image(data: bytes, mode: str, limits: Limits = DEFAULT_LIMITS) -> NDArray[np.uint8]:
    """A picture file to pixels, upright as its EXIF orientation says; of an animation, frame one.

    Args:
        data: the content of a JPEG, PNG, WebP, BMP, GIF, TIFF or PPM file.
        mode: `L` for grey or `RGB`. Transparency is dropped, 16-bit grey is scaled to 8 bits;
            deeper integers and floats, whose range no header says, are refused.

    Returns:
        Shape (height, width, channels).

    Raises:
        InputError: not a picture, damaged, or larger than `limits`; judged by the file's header,
            before its pixels are decoded.
    """
    check_size(len(data), limits)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image: Image.Image = Image.open(io.BytesIO(data), formats=IMAGE_FORMATS)
        width, height = image.size
        if width * height > limits.max_pixels:
            size = f"{width} x {height} pixels"
            raise InputError(_too_many_pixels(size, limits), status=413)
        return to_pixels(image, mode)
    except UnidentifiedImageError as error:
        names = ", ".join(IMAGE_FORMATS)
        raise InputError(f"not a picture in a known format ({names})", status=415) from error
    except Image.DecompressionBombError as error:
        raise InputError(_too_many_pixels("by its header", limits), status=413) from error
    except InputError:
        raise
    except Exception as error:  # Pillow's decoders raise many kinds for damaged files
        raise InputError(f"the picture is damaged: {error}") from error


def check_size(size_bytes: int, limits: Limits) -> None:
    """Refuse empty and oversized content.

    Raises:
        InputError: with status 400 or 413.
    """
    if size_bytes == 0:
        raise InputError("the file is empty (0 bytes)")
    if size_bytes > limits.max_bytes:
        raise InputError(
            f"the file has {size_bytes} bytes; at most {limits.max_bytes} are taken", status=413
        )


def decode_number(text: str, minimum: int, maximum: int) -> NDArray[np.int64]:
    """The text of a whole number to an int64 scalar, shape ().

    Raises:
        InputError: not a whole number, or outside `minimum`..`maximum`.
    """
    stripped = text.strip()
    if re.fullmatch(r"[+-]?[0-9]{1,20}", stripped) is None:
        raise InputError(f"expected a whole number, got {stripped[:40]!r}")
    value = int(stripped)
    if not minimum <= value <= maximum:
        raise InputError(f"expected a number from {minimum} to {maximum}, got {value}")
    return np.asarray(value, dtype=np.int64)


def to_pixels(image: Image.Image, mode: str) -> NDArray[np.uint8]:
    """A picture that Pillow has opened to pixels, as `decode_image` does.

    Raises:
        InputError: it has 32 bits a pixel.
    """
    image.load()
    source_format = image.format  # lost by transposing
    image = ImageOps.exif_transpose(image)
    # Pillow gives 16-bit grey as I;16, or from PPM as I; its own conversion would clip, not scale.
    if image.mode.startswith("I;16") or (image.mode == "I" and source_format == "PPM"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif image.mode in {"I", "F"}:
        raise InputError("the picture has 32 bits a pixel; 8 or 16 bits a channel are taken", 415)
    elif image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    pixels = np.asarray(image if image.mode == mode else image.convert(mode), dtype=np.uint8)
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def _too_many_pixels(size: str, limits: Limits) -> str:
    return f"the picture is too large ({size}); at most {limits.max_pixels} pixels are taken"
