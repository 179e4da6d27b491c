import ast
import importlib
import importlib.util
from pathlib import Path

import pytest

from wfctl.models.component import find_component
from wfctl.models.registry import REGISTRIES, STARTERS, Kind, starter_reference

NAMES = [(kind, name) for kind, registry in REGISTRIES.items() for name in registry]


@pytest.mark.parametrize(("kind", "name"), NAMES)
def test_every_name_leads_to_something_that_can_be_called(kind: Kind, name: str) -> None:
    assert callable(find_component(kind, name))


@pytest.mark.parametrize("module", sorted(STARTERS))
def test_a_starter_imports_nothing_of_wfctl(module: str) -> None:
    """A user gets a copy of it, where relative imports lead nowhere."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    for node in ast.walk(ast.parse(Path(spec.origin).read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import in line {node.lineno}"
            assert (node.module or "").partition(".")[0] != "wfctl"
        elif isinstance(node, ast.Import):
            assert all(alias.name.partition(".")[0] != "wfctl" for alias in node.names)


@pytest.mark.parametrize("module", sorted(STARTERS))
def test_a_starter_is_a_module_that_some_name_needs(module: str) -> None:
    references = {starter_reference(kind, name) for kind, name in NAMES}
    assert any(reference and reference.startswith(f"{module}:") for reference in references)


def test_parts_that_are_not_ours_have_no_starter() -> None:
    assert starter_reference("data", "digits") == "wfctl.models.digits:Digits"
    assert starter_reference("loss", "cross_entropy") is None
    assert starter_reference("data", "own:Data") is None
