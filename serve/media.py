"""Request bodies to raw samples: one function a media type, the same decoding as in training."""

import base64
import binascii
import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from email.message import Message

import numpy as np
import orjson
from numpy.typing import NDArray
from PIL import Image
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser

from ..core.artifact import Sample
from ..core.decode import Limits
from ..core.errors import InputError
from ..core.manifest import ImageInput, Manifest, NumberInput, TableInput
from ..core.samples import decode_sample
from ..core.table import row_of

JSON = "application/json"
MULTIPART = "multipart/form-data"
MAX_PARTS = 16


@dataclass(frozen=True)
class MediaType:
    """A Content-Type header, taken apart. `essence` is in lower case."""

    essence: str
    parameters: dict[str, str]

    @classmethod
    def parse(cls, header: str | None) -> "MediaType":
        """Of a header's text; a header that is missing has an empty essence."""
        message = Message()
        message["content-type"] = header or ""
        parameters = message.get_params(failobj=[], header="content-type") or []
        essence = parameters[0][0].strip().lower() if parameters else ""
        return cls(essence, {key.lower(): value for key, value in parameters[1:]})


def accepted_media(manifest: Manifest) -> tuple[str, ...]:
    """The media types that a model's samples come in."""
    match manifest.host_preprocess:
        case ImageInput():
            return ("image/*", MULTIPART, JSON)
        case NumberInput():
            return ("text/plain", MULTIPART, JSON)
        case TableInput():
            return ("text/csv", "text/plain", MULTIPART, JSON)


def check_media(manifest: Manifest, media: MediaType) -> None:
    """Refuse a type before its body is read.

    Raises:
        InputError: 415, naming what is taken.
    """
    for pattern in accepted_media(manifest):
        if media.essence == pattern:
            return
        if pattern.endswith("/*") and media.essence.startswith(pattern[:-1]):
            return
    given = f"content-type {media.essence!r}" if media.essence else "a body without content-type"
    expected = ", ".join(accepted_media(manifest))
    raise InputError(f"{given} is not taken here; expected one of: {expected}", status=415)


def decode_body(manifest: Manifest, media: MediaType, body: bytes, limits: Limits) -> Sample:
    """A whole body to one raw sample, without the batch axis.

    Raises:
        InputError: with the HTTP status that says why.
    """
    check_media(manifest, media)
    if not body:
        raise InputError("the body is empty (0 bytes)")
    if media.essence == JSON:
        return _decode_json(manifest, body, limits)
    if media.essence == MULTIPART:
        body = _file_part(manifest, media, body)
    return decode_sample(manifest, body, limits)


def _decode_json(manifest: Manifest, body: bytes, limits: Limits) -> Sample:
    name = manifest.inputs[0].name
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InputError(f"the body is not valid JSON: {error}") from error
    if isinstance(manifest.host_preprocess, TableInput):
        # The row itself, or under the name of the input as for every other model.
        row = value[name] if isinstance(value, dict) and [*value] == [name] else value
        return {name: row_of(row, manifest.host_preprocess.columns)}
    if not isinstance(value, dict):
        raise InputError(f'expected a JSON object, {{"{name}": ...}}')
    for key in value:
        if key != name:
            close = difflib.get_close_matches(key, [name], n=1, cutoff=0.4)
            hint = f"did you mean {name!r}?" if close else f"expected {name!r}"
            raise InputError(f"unknown key {key[:60]!r} ({hint})")
    if name not in value:
        raise InputError(f"the key {name!r} is missing")
    try:
        if isinstance(manifest.host_preprocess, NumberInput):
            return _decode_number(manifest, value[name])
        if isinstance(value[name], str):
            return decode_sample(manifest, _from_base64(value[name]), limits)
        return {name: _decode_pixels(value[name], manifest.host_preprocess.mode, limits)}
    except InputError as error:
        raise InputError(f"{name}: {error}", error.status) from error


def _decode_number(manifest: Manifest, value: object) -> Sample:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(f"expected a whole number, got {orjson.dumps(value)[:40].decode()}")
    return decode_sample(manifest, str(value).encode())


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError("expected a picture file in base64, or its pixels as a list") from error


def _decode_pixels(value: object, mode: str, limits: Limits) -> NDArray[np.uint8]:
    """Nested lists of 0-255 to (height, width, channels), in the colour mode of the model."""
    expected = "expected pixels as whole numbers 0 to 255, (height, width) or (height, width, 3)"
    if not isinstance(value, list):
        raise InputError("expected a picture file in base64, or its pixels as a list")
    try:
        pixels = np.asarray(value)
    except ValueError as error:  # rows of different lengths
        raise InputError(f"{expected}; the rows differ in length") from error
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.ndim not in {2, 3} or not pixels.size or (pixels.ndim == 3 and pixels.shape[2] != 3):
        raise InputError(f"{expected}; got shape {tuple(pixels.shape)}")
    if pixels.dtype.kind != "i" or pixels.min() < 0 or pixels.max() > 255:
        raise InputError(f"{expected}; a value is something else")
    if pixels.shape[0] * pixels.shape[1] > limits.max_pixels:
        raise InputError(f"more than {limits.max_pixels} pixels are not taken", status=413)
    image = Image.fromarray(pixels.astype(np.uint8))
    converted = np.asarray(image.convert(mode), dtype=np.uint8)
    return converted[:, :, None] if converted.ndim == 2 else converted


@dataclass
class _Part:
    """One part of a multipart body while it is parsed."""

    header_name: bytes = b""
    header_value: bytes = b""
    disposition: str = ""
    data: bytearray = field(default_factory=bytearray)

    @property
    def name(self) -> str | None:
        message = Message()
        message["content-disposition"] = self.disposition
        name = message.get_param("name", header="content-disposition")
        return name if isinstance(name, str) else None


class _PartCollector:
    """Callbacks of the parser, which gives names, values and contents in pieces."""

    def __init__(self) -> None:
        self.parts: list[_Part] = []
        self.finished = False

    def on_part_begin(self) -> None:
        if len(self.parts) == MAX_PARTS:
            raise InputError(f"{MULTIPART}: more than {MAX_PARTS} parts are not taken")
        self.parts.append(_Part())

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1].data += data[start:end]

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1].header_name += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1].header_value += data[start:end]

    def on_header_end(self) -> None:
        part = self.parts[-1]
        if part.header_name.lower() == b"content-disposition":
            part.disposition = part.header_value.decode("utf-8", "replace")
        part.header_name = part.header_value = b""

    def on_end(self) -> None:
        self.finished = True


def _file_part(manifest: Manifest, media: MediaType, body: bytes) -> bytes:
    """The content of the part that carries the sample: the one named like the model's input."""
    boundary = media.parameters.get("boundary", "")
    if not boundary:
        raise InputError(f"{MULTIPART} needs a boundary in its content-type header")
    collector = _PartCollector()
    try:
        parser = MultipartParser(
            boundary.encode("latin-1", "replace"),
            {
                "on_part_begin": collector.on_part_begin,
                "on_part_data": collector.on_part_data,
                "on_header_field": collector.on_header_field,
                "on_header_value": collector.on_header_value,
                "on_header_end": collector.on_header_end,
                "on_end": collector.on_end,
            },
        )
        parser.write(body)
        parser.finalize()
    except MultipartParseError as error:
        raise InputError(f"the body is not valid {MULTIPART}: {error}") from error
    if not collector.finished:
        raise InputError(f"the body is not valid {MULTIPART}: its last boundary is missing")
    expected = manifest.inputs[0].name
    for part in collector.parts:
        if part.name == expected:
            return bytes(part.data)
    raise InputError(
        f"{MULTIPART}: expected a part named {expected!r}, got "
        f"{_names(part.name for part in collector.parts) or 'none'}"
    )


def _names(names: Iterable[str | None]) -> str:
    return ", ".join(repr((name or "")[:60]) for name in names)
