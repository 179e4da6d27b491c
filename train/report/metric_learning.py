"""The page of metric learning."""

import numpy as np
import torch

from .class_counts import class_table, confusion_chart, confusion_table, count_classes
from .look import Look
from .show_sample import show_sample
from .view import Card, View, spread, worst_first


def view_metric_learning(look: Look) -> View:
    """Every sample beside its nearest neighbour among those that were looked at."""
    labels = look.trained.labels
    chunks = list(look.chunks())
    indices = [index for chunk in chunks for index in chunk.indices]
    embeddings = torch.cat([chunk.answers for chunk in chunks]).numpy()  # (N, D), of length 1
    truth = torch.cat([chunk.targets for chunk in chunks]).numpy()
    similarity = embeddings @ embeddings.T
    np.fill_diagonal(similarity, -np.inf)  # a sample is no neighbour of itself
    nearest = similarity.argmax(axis=1)
    same = truth[:, None] == truth[None]
    own = np.where(same, similarity, -np.inf).max(axis=1)
    other = np.where(same, -np.inf, similarity).max(axis=1)
    paired = np.isfinite(own) & np.isfinite(other)
    badness = np.where(paired, np.where(paired, other, 0) - np.where(paired, own, 0), -2.0)
    counts = count_classes(truth, truth[nearest], len(labels))

    def card(position: int) -> Card:
        neighbour = int(nearest[position])
        both = [show_sample(look.samples, indices[at], look.raw(indices[at]))
                for at in (position, neighbour)]  # fmt: skip
        distance = np.sqrt(max(2 - 2 * float(similarity[position, neighbour]), 0.0))
        return Card(
            pictures=tuple(each.picture for each in both if each.picture),
            drawing=both[0].drawing,
            text="  |  ".join(each.text for each in both if each.text),
            answer=f"nearest is {labels[truth[neighbour]]} · distance {distance:.3f}",
            truth=labels[truth[position]],
            right=bool(truth[neighbour] == truth[position]),
        )

    return View(
        charts=confusion_chart(
            counts, labels, "Rows are true classes, columns those of the nearest other sample."
        ),
        tables=(class_table(counts, labels, "samples"), *confusion_table(counts, labels)),
        worst=tuple(map(card, worst_first(badness))),
        worst_by="nearness to another class",
        samples=tuple(map(card, spread(len(indices)))),
    )
