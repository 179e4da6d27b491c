import numpy as np
import pytest
import torch
import torch.nn.functional as F

from wfctl.models.task import IGNORED
from wfctl.models.tasks.segmentation import PixelCrossEntropy, SegmentationScorer


def test_the_loss_is_the_mean_over_pixels_that_have_a_class() -> None:
    torch.manual_seed(0)
    logits, masks = torch.randn(2, 3, 4, 5), torch.randint(3, (2, 4, 5))
    masks[0, 1] = IGNORED
    expected = F.cross_entropy(logits, masks, ignore_index=IGNORED)
    torch.testing.assert_close(PixelCrossEntropy()(logits, masks), expected)


def test_a_batch_without_any_class_has_no_loss_and_no_gradient() -> None:
    logits = torch.randn(1, 3, 4, 5, requires_grad=True)
    loss = PixelCrossEntropy()(logits, torch.full((1, 4, 5), IGNORED))
    loss.backward()
    assert float(loss.detach()) == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_the_scorer_counts_pixels() -> None:
    scorer = SegmentationScorer()
    truth = np.array([[[0, 0, 1, 1, IGNORED]]])
    answers = np.array([0, 1, 1, 1, 0])
    probabilities = np.full((1, 3, 1, 5), 0.1, dtype=np.float32)
    probabilities[0, answers, 0, np.arange(5)] = 0.8
    scorer.update(probabilities, truth)
    scored = scorer.compute()
    assert scored["accuracy"] == pytest.approx(3 / 4)
    # Class 0: 1 of 2; class 1: 2 of 3; class 2 is nowhere and counts as 0, as in Ignite.
    assert scored["miou"] == pytest.approx((1 / 2 + 2 / 3 + 0) / 3)
    assert scored["loss"] == pytest.approx(-(3 * np.log(0.8) + np.log(0.1)) / 4)
