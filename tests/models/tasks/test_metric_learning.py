import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from wfctl.models.tasks import metric_learning
from wfctl.models.tasks.metric_learning import (
    ContrastiveLoss,
    TripletLoss,
    UnitLength,
    embedding_metrics,
)


def batch(seed: int = 0) -> tuple[Tensor, Tensor]:
    """Embeddings (9, 4) of any length, with classes (9,)."""
    torch.manual_seed(seed)
    return torch.randn(9, 4) * 3, torch.tensor([0, 1, 2, 0, 1, 2, 0, 1, 3])


def test_contrastive_loss_is_the_sum_over_both_kinds_of_pairs() -> None:
    embeddings, classes = batch()
    units = F.normalize(embeddings, dim=1)
    pulled, pushed = [], []
    for one in range(9):
        for other in range(one):
            distance = float((units[one] - units[other]).norm())
            if classes[one] == classes[other]:
                pulled.append(distance**2)
            else:
                pushed.append(max(0.0, 1.0 - distance) ** 2)
    expected = np.mean(pulled) + np.mean(pushed)
    assert float(ContrastiveLoss()(embeddings, classes)) == pytest.approx(expected, rel=1e-5)


def test_triplet_loss_takes_the_hardest_of_each_sample() -> None:
    embeddings, classes = batch()
    units = F.normalize(embeddings, dim=1)
    distances = torch.cdist(units, units)
    losses = []
    for one in range(9):
        same = [float(distances[one, other]) for other in range(9)
                if other != one and classes[other] == classes[one]]  # fmt: skip
        others = [float(distances[one, other]) for other in range(9)
                  if classes[other] != classes[one]]  # fmt: skip
        if same and others:
            losses.append(max(0.0, 0.3 + max(same) - min(others)))
    assert len(losses) == 8  # class 3 has one sample, and no pair
    loss = TripletLoss()(embeddings, classes)
    assert float(loss) == pytest.approx(np.mean(losses), rel=1e-4)


@pytest.mark.parametrize("loss", [ContrastiveLoss(), TripletLoss()])
@pytest.mark.parametrize("classes", [[0, 0, 0], [0, 1, 2], [0, 0, 1]])
def test_gradients_are_numbers_also_for_equal_samples(
    loss: torch.nn.Module, classes: list[int]
) -> None:
    embeddings = torch.ones(3, 4, requires_grad=True)
    loss(embeddings, torch.tensor(classes)).backward()
    assert embeddings.grad is not None
    assert torch.isfinite(embeddings.grad).all()


def test_embeddings_have_length_one() -> None:
    lengths = UnitLength()(batch()[0]).norm(dim=1)
    torch.testing.assert_close(lengths, torch.ones(9))


def test_recall_looks_at_the_nearest_other_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    angles = np.deg2rad([0, 10, 25, 90, 95, 180])
    embeddings = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    classes = np.array([0, 0, 1, 1, 1, 2])
    expected = {
        "recall_at_1": 4 / 6,  # 25 degrees is nearest to 10; 180 has no other of its class
        "mean_pairwise_distance": np.mean(
            [2 * np.sin(np.deg2rad(between) / 2) for between in (10, 65, 70, 5)]
        ),
    }
    assert embedding_metrics(embeddings, classes) == pytest.approx(expected, rel=1e-5)
    assert embedding_metrics(embeddings * 7, classes) == pytest.approx(expected, rel=1e-5)
    monkeypatch.setattr(metric_learning, "ROWS_AT_ONCE", 4)
    assert embedding_metrics(embeddings, classes) == pytest.approx(expected, rel=1e-5)


def test_one_sample_has_no_nearest() -> None:
    only = embedding_metrics(np.ones((1, 2), dtype=np.float32), np.array([0]))
    assert only == {"recall_at_1": 0.0, "mean_pairwise_distance": 0.0}
