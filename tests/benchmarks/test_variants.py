from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from wfctl.benchmarks.variants import find_variants
from wfctl.core.artifact import Artifact
from wfctl.core.errors import UsageError

MakeArtifact = Callable[..., Artifact]


def test_the_files_of_an_artifact_are_variants(both_artifact: Artifact) -> None:
    variants, absent = find_variants(both_artifact, "cpu")
    assert [variant.id for variant in variants] == ["torchscript", "onnx"]
    assert [entry.id for entry in absent] == ["eager"]
    assert "does not lie in a run folder" in absent[0].reason


def test_eager_is_first_where_the_artifact_lies_in_its_run(
    make_artifact: MakeArtifact, tmp_path: Path
) -> None:
    artifact = make_artifact(onnx=b"not looked into", place="run/export/linear")
    (tmp_path / "run" / "recipe.yaml").write_text("name: linear\n")
    variants, absent = find_variants(artifact, "cpu")
    assert [variant.id for variant in variants] == ["eager", "onnx"]
    assert variants[0].path == str((tmp_path / "run").resolve())
    assert [entry.reason for entry in absent] == ["the artifact has no torchscript file"]


def test_an_artifact_without_models_is_refused(make_artifact: MakeArtifact) -> None:
    with pytest.raises(UsageError, match=r"nothing can be measured \(eager: .*onnx: "):
        find_variants(make_artifact(), "cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_cuda_needs_a_gpu(both_artifact: Artifact) -> None:
    with pytest.raises(UsageError, match=r"--device cuda: torch .* sees no CUDA device"):
        find_variants(both_artifact, "cuda")
