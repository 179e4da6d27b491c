"""Golden samples: a few raw held-out samples with the outputs that training gave."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..core.artifact import GoldenSample
from ..core.manifest import TensorSpec
from .runners import Runner

GOLDEN_SAMPLES = 8
GOLDEN_BYTES = 32 * 2**20  # outputs for pixels are large: then there are fewer samples


def golden_samples(
    reference: Runner, samples: Sequence[Tensor], input_spec: TensorSpec, output_spec: TensorSpec
) -> list[GoldenSample]:
    """Samples spread evenly over the held-out split, each run alone through the trained model."""
    size_bytes = samples[0].nbytes + reference(samples[0].unsqueeze(0)).nbytes
    count = min(max(GOLDEN_BYTES // size_bytes, 1), GOLDEN_SAMPLES)
    return [
        GoldenSample(
            inputs={input_spec.name: raw.numpy()},
            outputs={output_spec.name: reference(torch.stack([raw]))[0]},
        )
        for raw in spread(samples, count)
    ]


def spread(samples: Sequence[Tensor], count: int) -> list[Tensor]:
    """At most `count` samples, evenly over all of them: neighbours are often of one class."""
    count = min(count, len(samples))
    return [samples[position * len(samples) // count] for position in range(count)]
