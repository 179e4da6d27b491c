"""Raw samples as a manifest describes them, from files and from command-line arguments."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .artifact import Sample
from .decode import DEFAULT_LIMITS, Limits, check_size, decode_image, decode_number
from .errors import InputError
from .manifest import ImageInput, Manifest


def decode_sample(manifest: Manifest, data: bytes, limits: Limits = DEFAULT_LIMITS) -> Sample:
    """The content of a file or request body to the model's input, without the batch axis.

    Raises:
        InputError: the content is not what the model takes.
    """
    host = manifest.host_preprocess
    value: NDArray[np.generic]
    if isinstance(host, ImageInput):
        value = decode_image(data, host.mode, limits)
    else:
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError("expected the text of a whole number in UTF-8") from error
        value = decode_number(text, host.minimum, host.maximum)
    return {manifest.inputs[0].name: value}


def read_sample(manifest: Manifest, argument: str, limits: Limits = DEFAULT_LIMITS) -> Sample:
    """A command-line argument to a sample: a file, or for a model of numbers the number itself.

    Raises:
        InputError: naming the argument.
    """
    path = Path(argument)
    try:
        if path.is_file():
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
