"""Which folder may import which; docs/architecture.md shows the same table."""

import ast
from pathlib import Path

import pytest

MAY_IMPORT: dict[str, set[str]] = {
    "core": set(),
    "recipes": set(),
    "models": {"core"},
    "train": {"core", "models"},
    "export": {"core", "models", "train.checkpoint"},
    "serve": {"core"},
    "benchmarks": {"core", "models"},
    "cli": {"core", "models", "recipes", "train", "export", "serve", "benchmarks"},
}
PEERS = Path("benchmarks", "peers")  # what is measured there is training itself


def imports_of_other_folders(file: Path, repository: Path) -> set[str]:
    """`folder.module` of every import that leaves the file's own folder."""
    package = ("wfctl", *file.relative_to(repository).parts[:-1])
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            target = (*base, *(node.module or "").split("."))
            if target[1:2] != package[1:2] and target[1]:
                found.add(".".join(target[1:3]))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("wfctl"):
            found.add(f"absolute import of {node.module}")
    return found


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_arrows_between_folders(folder: str, repository: Path) -> None:
    for file in sorted((repository / folder).rglob("*.py")):
        inside_peers = file.is_relative_to(repository / PEERS)
        allowed = MAY_IMPORT[folder] | ({"train"} if inside_peers else set())
        for target in imports_of_other_folders(file, repository):
            assert target in allowed or target.split(".")[0] in allowed, (
                f"{file.relative_to(repository)} imports {target}"
            )


def test_every_folder_has_its_rule(repository: Path) -> None:
    assert {init.parent.name for init in repository.glob("[a-z]*/__init__.py")} == set(MAY_IMPORT)
