"""Metrics of embeddings, which need a whole split at once."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
from ignite import distributed as idist
from ignite.metrics import Metric
from ignite.metrics.metric import reinit__is_reduced
from torch import Tensor

from ..models.tasks.metric_learning import embedding_metrics
from .step import StepOutput


class EmbeddingMetric(Metric):
    """One of `embedding_metrics`, over all embeddings of all processes.

    Args:
        name: its key there.
        output_transform: a step's output to embeddings (B, D) and classes (B,).
    """

    def __init__(
        self,
        name: str,
        output_transform: Callable[[StepOutput], tuple[Tensor, Tensor]],
        device: torch.device,
    ) -> None:
        self._name = name
        super().__init__(output_transform, device)

    @reinit__is_reduced
    def reset(self) -> None:
        """Forget all embeddings."""
        self._embeddings: list[Tensor] = []
        self._classes: list[Tensor] = []

    @reinit__is_reduced
    def update(self, output: tuple[Tensor, Tensor]) -> None:
        """Keep the embeddings (B, D) and classes (B,) of a batch."""
        embeddings, classes = output
        self._embeddings.append(embeddings.detach().float().cpu())
        self._classes.append(classes.detach().cpu())

    def compute(self) -> float:
        """The metric."""
        parts = [
            (torch.cat(embeddings), torch.cat(classes))
            for embeddings, classes in self._parts()
            if embeddings  # a process may have had no sample
        ]
        embeddings, classes = (torch.cat(values).numpy() for values in zip(*parts, strict=True))
        return embedding_metrics(embeddings, classes)[self._name]

    def state_dict(self) -> OrderedDict[str, Any]:
        """All processes' parts. Ignite's own can only be loaded into lists of the same length."""
        return OrderedDict(parts=self._parts())

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on with this process's part."""
        self._embeddings, self._classes = map(list, state_dict["parts"][idist.get_rank()])

    def _parts(self) -> list[tuple[list[Tensor], list[Tensor]]]:
        """What each process has, as plain objects: the parts may differ in length."""
        own = (self._embeddings, self._classes)
        if idist.get_world_size() == 1:
            return [own]
        return cast(list[tuple[list[Tensor], list[Tensor]]], idist.all_gather(own))
