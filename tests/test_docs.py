"""The documents keep up with the code."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from wfctl.cli.main import COMMANDS
from wfctl.core.recipe_file import built_in_recipes

DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/architecture.md")


def rows(text: str, heading: str) -> list[str]:
    """The first cells of the table under a heading."""
    section = re.split(r"^## ", text, flags=re.MULTILINE)
    (found,) = [part for part in section if part.startswith(f"{heading}\n")]
    cells = re.findall(r"^\| (.+?)(?<!\\) \|", found, flags=re.MULTILINE)
    return cells[2:]  # without the head and the rule below it


@pytest.fixture(scope="session")
def readme(repository: Path) -> str:
    return (repository / "README.md").read_text()


def test_every_command_is_in_the_readme(readme: str) -> None:
    names = [cell.strip("`").split()[1] for cell in rows(readme, "Commands")]
    assert names == list(COMMANDS)


def test_every_recipe_is_in_the_readme(readme: str) -> None:
    assert sorted(cell.strip("`") for cell in rows(readme, "Recipes")) == sorted(built_in_recipes())


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_that_a_document_names_exists(repository: Path, document: str) -> None:
    named = re.findall(r"(?:`|\$ |\$\()wfctl ([a-z][a-z-]*)", (repository / document).read_text())
    assert set(named) <= set(COMMANDS)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_somewhere(repository: Path, document: str) -> None:
    text = (repository / document).read_text()
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if not target.startswith("https://"):
            assert ((repository / document).parent / target).exists(), target


def test_every_decision_is_linked(repository: Path) -> None:
    text = (repository / "docs" / "architecture.md").read_text()
    for decision in (repository / "docs" / "decisions").glob("*.md"):
        assert f"(decisions/{decision.name})" in text


def test_every_folder_is_in_the_architecture(repository: Path) -> None:
    text = (repository / "docs" / "architecture.md").read_text()
    folders = {init.parent.name for init in repository.glob("[a-z]*/__init__.py")}
    assert folders <= set(re.findall(r"^\| `([a-z]+)/` \|", text, flags=re.MULTILINE))


def test_every_dependency_has_its_reason(repository: Path) -> None:

    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    table = (repository / "docs" / "decisions" / "0002-dependencies.md").read_text()
    first_cells = re.findall(r"^\| ([^|]+) \|", table, flags=re.MULTILINE)
    reasons = {name.strip() for cell in first_cells for name in cell.split(",")}
    for group in (project["dependencies"], *project["optional-dependencies"].values()):
        assert {Requirement(each).name for each in group} <= reasons


def test_every_recipe_tells_what_it_is(repository: Path) -> None:
    for name, path in built_in_recipes().items():
        assert path.read_text().startswith("# "), name
        assert yaml.safe_load(path.read_text())["name"] == name


def test_make_targets_of_the_documents_exist(repository: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (repository / "Makefile").read_text(), re.MULTILINE))
    for document in DOCUMENTS:
        named = re.findall(r"(?:`|\$ )make ([a-z-]+)", (repository / document).read_text())
        assert set(named) <= targets
