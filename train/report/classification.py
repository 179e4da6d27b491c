"""The page of a classification."""

import numpy as np
import torch

from ...models.task import SMALLEST_PROBABILITY
from .class_counts import class_table, confusion_chart, confusion_table, count_classes
from .look import Look
from .show_sample import show_sample
from .view import Card, View, spread, worst_first


def view_classification(look: Look) -> View:
    """Confusions, precision and recall by class, and the samples with the highest loss."""
    labels = look.trained.labels
    chunks = list(look.chunks())
    indices = [index for chunk in chunks for index in chunk.indices]
    probabilities = torch.cat([chunk.answers for chunk in chunks]).numpy()  # (N, C)
    truth = torch.cat([chunk.targets for chunk in chunks]).numpy()
    given = probabilities.argmax(axis=1)
    counts = count_classes(truth, given, len(labels))
    chosen = probabilities[np.arange(len(truth)), truth].astype(np.float64)
    loss = -np.log(np.maximum(chosen, SMALLEST_PROBABILITY))

    def card(position: int) -> Card:
        index = indices[position]
        shown = show_sample(look.samples, index, look.raw(index))
        probability = float(probabilities[position, given[position]])
        right = bool(given[position] == truth[position])
        beside = "" if right else f" · given {chosen[position]:.1%}"
        return Card(
            pictures=(shown.picture,) if shown.picture else (),
            drawing=shown.drawing,
            text=shown.text,
            answer=f"{labels[given[position]]} · {probability:.1%}",
            truth=f"{labels[truth[position]]}{beside}",
            right=right,
        )

    return View(
        charts=confusion_chart(counts, labels),
        tables=(class_table(counts, labels, "samples"), *confusion_table(counts, labels)),
        worst=tuple(map(card, worst_first(loss))),
        worst_by="loss",
        samples=tuple(map(card, spread(len(indices)))),
    )
