from pathlib import Path

import pytest

from wfctl.benchmarks.plan import DEFAULT_BATCH_SIZES, ProfilePlan, make_plan, make_profile_plan
from wfctl.core.artifact import Artifact
from wfctl.core.errors import UsageError


def test_what_is_left_out_comes_from_the_recipe(onnx_artifact: Artifact) -> None:
    plan = make_plan(onnx_artifact.manifest, ProfilePlan())
    assert plan.batch_sizes == (1, 4)
    assert plan.tolerance == onnx_artifact.manifest.tolerance


def test_a_recipe_without_batch_sizes_gets_the_default(onnx_artifact: Artifact) -> None:
    source = onnx_artifact.manifest.source.model_copy(update={"recipe": {}})
    manifest = onnx_artifact.manifest.model_copy(update={"source": source})
    assert make_plan(manifest, ProfilePlan()).batch_sizes == DEFAULT_BATCH_SIZES


def test_what_is_given_counts(onnx_artifact: Artifact) -> None:
    plan = make_plan(
        onnx_artifact.manifest, ProfilePlan(), batch_sizes=(3,), threads=2, rounds=5, quick=True
    )
    assert (plan.batch_sizes, plan.threads, plan.rounds, plan.launches) == ((3,), 2, 5, 1)


def test_profile_is_sorted_by_the_devices_own_time() -> None:
    assert make_profile_plan("cpu", None, 5, None).sort_by == "self_cpu_time_total"
    assert make_profile_plan("cuda", None, 5, None).sort_by == "self_cuda_time_total"
    folder = Path("traces")
    assert make_profile_plan("cpu", "count", 5, folder) == ProfilePlan("count", 5, folder)


def test_an_unknown_column_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="did you mean cpu_time_total"):
        make_profile_plan("cpu", "cpu_time_totl", 5, None)
    with pytest.raises(UsageError, match="columns: self_cpu_time_total, "):
        make_profile_plan("cpu", "zzz", 5, None)


def test_a_gpu_column_needs_the_gpu() -> None:
    with pytest.raises(UsageError, match="needs --device cuda"):
        make_profile_plan("cpu", "self_cuda_time_total", 5, None)
