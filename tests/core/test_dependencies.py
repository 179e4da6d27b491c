import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from wfctl.core.dependencies import DEPENDENCIES, NEEDED_BY, how_to_install


@pytest.mark.parametrize(
    ("modules", "advice"),
    [
        (["torch"], "pip install 'wfctl[train]'"),
        (["torch.nn", "numpy"], "pip install 'wfctl[train]'"),
        (["sklearn", "ignite"], "pip install 'wfctl[examples,train]'"),
        (["onnxruntime.capi"], "pip install wfctl"),
        (["pandas"], None),
        ([], None),
    ],
)
def test_advice(modules: list[str], advice: str | None) -> None:
    assert how_to_install(*modules) == advice


def test_every_needed_module_is_known() -> None:
    known = {dependency.module for dependency in DEPENDENCIES}
    assert {module for modules in NEEDED_BY.values() for module in modules} <= known


def test_extras_are_those_of_pyproject(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    groups = {None: project["dependencies"], **project["optional-dependencies"]}
    for dependency in DEPENDENCIES:
        names = {Requirement(each).name for each in groups[dependency.extra]}
        assert dependency.distribution in names
