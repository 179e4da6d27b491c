"""The best checkpoint's answers for held-out samples, as many as can be had in a short time."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ...models.dataset import Samples
from ...models.preprocess import prepare_target
from ...models.trained import Trained

SAMPLES_LIMIT = 2000
TIME_LIMIT_S = 10.0
CHUNK = 64


@dataclass(frozen=True)
class Answered:
    """Samples with answers, on the CPU.

    Shapes: indices (B,) in the split, answers (B, ...), targets (B, ...).
    """

    indices: list[int]
    answers: Tensor
    targets: Tensor


@dataclass
class Look:
    """A model and its held-out split.

    Attributes:
        looked_at: how many samples `chunks` has given so far.
    """

    trained: Trained
    samples: Samples
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    looked_at: int = 0

    @property
    def total(self) -> int:
        """Samples in the split."""
        return len(self.samples)

    def chunks(self) -> Iterator[Answered]:
        """Samples drawn without replacement, the same ones every time unless time runs out."""
        deadline_s = time.monotonic() + TIME_LIMIT_S
        generator = torch.Generator().manual_seed(0)
        order = torch.randperm(self.total, generator=generator)[:SAMPLES_LIMIT]
        for part in torch.split(order, CHUNK):
            answered = self.answer(part.tolist())
            self.looked_at += len(part)
            yield answered
            if time.monotonic() > deadline_s:
                return

    def raw(self, index: int) -> Tensor:
        """A raw sample, as the data set gives it."""
        return torch.as_tensor(self.samples[index][0])

    def answer(self, indices: Sequence[int]) -> Answered:
        """The model's answers for samples of any sizes."""
        prepared, targets = [], []
        pipeline = self.trained.pipeline
        with torch.no_grad():
            for index in indices:
                raw, target = self.samples[index]
                batch = torch.as_tensor(raw).unsqueeze(0).to(self.device)
                prepared.append(pipeline.preprocess(batch))
                one = torch.as_tensor(target).unsqueeze(0)
                targets.append(prepare_target(one, prepared[-1].cpu()))
            same = all(each.shape == prepared[0].shape for each in prepared)
            batches = [torch.cat(prepared)] if same else prepared
            answers = [pipeline.activation(pipeline.network(batch)) for batch in batches]
        return Answered(list(indices), torch.cat(answers).float().cpu(), torch.cat(targets))
