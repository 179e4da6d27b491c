import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from wfctl.models.tasks.metric_learning import embedding_metrics
from wfctl.train.embedding_metric import EmbeddingMetric
from wfctl.train.step import StepOutput

# Two processes, each with its part of the split; the parts differ in length.
PROCESS = """
import json, sys
import torch
from wfctl.train.embedding_metric import EmbeddingMetric

store, rank = sys.argv[1], int(sys.argv[2])
torch.distributed.init_process_group("gloo", f"file://{store}", rank=rank, world_size=2)
torch.manual_seed(0)
embeddings, classes = torch.randn(11, 4), torch.arange(11) % 3
metric = EmbeddingMetric("recall_at_1", lambda pair: pair, torch.device("cpu"))
metric.update((embeddings[rank::2], classes[rank::2]))
print(json.dumps(metric.compute()))
torch.distributed.destroy_process_group()
"""


def pair(output: StepOutput) -> tuple[Tensor, Tensor]:
    return output.predictions, output.targets


def samples() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randn(11, 4), torch.arange(11) % 3


@pytest.mark.parametrize("name", ["recall_at_1", "mean_pairwise_distance"])
def test_batches_are_compared_with_each_other(name: str) -> None:
    embeddings, classes = samples()
    metric = EmbeddingMetric(name, pair, torch.device("cpu"))
    for part in (slice(0, 4), slice(4, 11)):
        metric.update((embeddings[part], classes[part]))
    expected = embedding_metrics(embeddings.numpy(), classes.numpy())[name]
    assert metric.compute() == pytest.approx(expected)


def test_a_stop_in_mid_epoch_forgets_no_embedding() -> None:
    embeddings, classes = samples()
    metric, resumed = (EmbeddingMetric("recall_at_1", pair, torch.device("cpu")) for _ in range(2))
    metric.update((embeddings[:6], classes[:6]))
    resumed.load_state_dict(metric.state_dict())
    for each in (metric, resumed):
        each.update((embeddings[6:], classes[6:]))
    assert metric.compute() == resumed.compute()
    assert metric.compute() == embedding_metrics(embeddings.numpy(), classes.numpy())["recall_at_1"]


@pytest.mark.slow
def test_processes_share_their_embeddings(tmp_path: Path) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-P", "-c", PROCESS, str(tmp_path / "store"), str(rank)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    embeddings, classes = (np.asarray(each) for each in samples())
    expected = embedding_metrics(embeddings, classes)["recall_at_1"]
    for process in started:
        printed, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        assert json.loads(printed) == pytest.approx(expected)
