"""Raw samples as something a person can look at: pictures, waveforms, numbers, text."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ...models.dataset import Samples, columns_of
from .charts import shorten, wave_chart
from .view import Picture

PICTURE_SIDE = 224  # pixels; larger pictures are made smaller
SMALL_SIDE = 64  # pixels; up to here single pixels are shown
WAVE_FROM = 256  # values; a longer row of floats is taken for a sound
LONGEST_TEXT = 280  # characters
SHOWN_VALUES = 8


@dataclass(frozen=True)
class Shown:
    """A raw sample on a card: at least one of the three is there."""

    picture: Picture | None = None
    drawing: Markup | None = None
    text: str = ""


def show_sample(samples: Samples, index: int, raw: Tensor) -> Shown:
    """A raw sample for the page.

    A data set may have a method `describe(index)` that gives a text for a sample, such as the
    sentence behind token ids; it goes before what can be made of the tensor itself.
    """
    describe = getattr(samples, "describe", None)
    text = shorten(str(describe(index)), LONGEST_TEXT) if callable(describe) else ""
    values = raw.detach().cpu().numpy()
    if values.dtype == np.uint8 and values.ndim == 3 and values.shape[2] in {1, 3}:
        return Shown(picture=picture_of(values), text=text)
    if values.ndim == 1 and values.dtype.kind == "f" and len(values) > WAVE_FROM:
        title = f"waveform of {len(values):,} values"
        return Shown(drawing=wave_chart(title, np.nan_to_num(values)), text=text or title)
    return Shown(text=text or _as_text(samples, values))


def picture_of(pixels: NDArray[np.uint8], caption: str = "") -> Picture:
    """Pixels (H, W, 1 or 3) as a data URI: PNG where small, else JPEG of limited size."""
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    small = max(image.size) <= SMALL_SIDE
    if not small:
        image.thumbnail((PICTURE_SIDE, PICTURE_SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "PNG" if small else "JPEG", **({} if small else {"quality": 85}))
    kind, data = "png" if small else "jpeg", base64.b64encode(buffer.getvalue()).decode()
    return Picture(f"data:image/{kind};base64,{data}", small, caption)


def _as_text(samples: Samples, values: NDArray[np.generic]) -> str:
    if values.ndim == 0:
        return f"{values.item():g}" if values.dtype.kind == "f" else str(values.item())
    if values.ndim > 1:
        return f"{values.dtype} of shape {values.shape}"
    names = columns_of(samples)
    if len(names) == len(values):
        items = [f"{shorten(name, 24)} {_number(value)}"
                 for name, value in zip(names, values, strict=True)]  # fmt: skip
    else:
        items = [_number(value) for value in values]
    more = f" … and {len(items) - SHOWN_VALUES} more" if len(items) > SHOWN_VALUES else ""
    return ", ".join(items[:SHOWN_VALUES]) + more


def _number(value: np.generic) -> str:
    return f"{value.item():.4g}"
