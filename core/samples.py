"""Raw samples as a manifest describes them, from files and from command-line arguments."""

from pathlib import Path
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from .artifact import Sample
from .decode import DEFAULT_LIMITS, Limits, check_size, decode_image, decode_number
from .errors import InputError
from .manifest import ImageInput, Manifest, NumberInput, TableInput
from .table import decode_row


def decode_sample(manifest: Manifest, data: bytes, limits: Limits = DEFAULT_LIMITS) -> Sample:
    """The content of a file or request body to the model's input, without the batch axis.

    Raises:
        InputError: the content is not what the model takes.
    """
    host = manifest.host_preprocess
    value: NDArray[np.generic]
    match host:
        case ImageInput():
            value = decode_image(data, host.mode, limits)
        case NumberInput():
            value = decode_number(_text(data, "a whole number"), host.minimum, host.maximum)
        case TableInput():
            check_size(len(data), limits)
            value = decode_row(_text(data, "a row"), host.columns)
        case _:
            assert_never(host)
    return {manifest.inputs[0].name: value}


def _text(data: bytes, what: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"expected the text of {what} in UTF-8") from error


def read_sample(manifest: Manifest, argument: str, limits: Limits = DEFAULT_LIMITS) -> Sample:
    """A command-line argument to a sample: a file, or the number or row of numbers itself.

    Raises:
        InputError: naming the argument.
    """
    path = Path(argument)
    try:
        if _is_file(path):
            check_size(path.stat().st_size, limits)  # before it is read
            data = path.read_bytes()
        elif isinstance(manifest.host_preprocess, ImageInput):
            raise InputError("there is no such file")
        else:
            data = argument.encode()
        return decode_sample(manifest, data, limits)
    except InputError as error:
        raise InputError(f"{argument}: {error}", error.status) from error
    except OSError as error:
        raise InputError(f"{argument}: cannot be read ({error.strerror})") from error


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a row of numbers can be longer than the name of any file
        return False
