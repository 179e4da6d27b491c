"""The root is the package: what goes into the wheel, and what keeps it whole."""

import email
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from wfctl import __version__

INSTALLED_EXTRAS = ("train", "datasets", "examples", "dev")
NOT_PACKAGES = {"tests", "docs", "build", "dist", "runs", "artifact", "shared"}


@pytest.fixture(scope="session")
def pyproject(repository: Path) -> dict[str, Any]:
    return tomllib.loads((repository / "pyproject.toml").read_text())


@pytest.fixture(scope="session")
def pins(repository: Path) -> dict[str, str]:
    """constraints.txt: name -> exact version."""
    lines = (repository / "constraints.txt").read_text().splitlines()
    parsed = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(each.name): str(each.specifier) for each in parsed}


def folders_with_code(repository: Path) -> set[str]:
    found = set()
    for file in repository.rglob("*.py"):
        parts = file.relative_to(repository).parts[:-1]
        if not any(part.startswith(".") or part in NOT_PACKAGES for part in parts):
            found.add(".".join(("wfctl", *parts)))
    return found


def test_every_folder_with_code_is_packaged(repository: Path, pyproject: dict[str, Any]) -> None:
    assert set(pyproject["tool"]["setuptools"]["packages"]) == folders_with_code(repository)


def test_every_package_has_an_init(repository: Path, pyproject: dict[str, Any]) -> None:
    for package in pyproject["tool"]["setuptools"]["packages"]:
        folder = repository.joinpath(*package.split(".")[1:])
        assert (folder / "__init__.py").is_file(), folder


def test_the_root_has_one_python_file(repository: Path) -> None:
    assert [file.name for file in repository.glob("*.py")] == ["__init__.py"]


@pytest.mark.parametrize(
    "snippet", ["import train", "from serve.service import service", "import core.errors"]
)
def test_bare_imports_are_banned(repository: Path, snippet: str) -> None:
    options = ["--select", "TID251", "--no-cache", "--config", str(repository / "pyproject.toml")]
    command = [sys.executable, "-m", "ruff", "check", *options, "--stdin-filename", "x.py", "-"]
    done = subprocess.run(
        command, input=snippet + "\n", capture_output=True, text=True, cwd=repository, check=False
    )
    assert done.returncode == 1
    assert "TID251" in done.stdout
    assert f"the package is wfctl.{re.split(r'[ .]', snippet)[1]}" in done.stdout


def test_every_folder_is_banned_as_a_bare_import(
    repository: Path, pyproject: dict[str, Any]
) -> None:
    banned = pyproject["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"]
    folders = {name.split(".")[1] for name in folders_with_code(repository) if "." in name}
    assert folders == set(banned)


@pytest.mark.slow
def test_wheel_holds_the_package_and_nothing_else(
    repository: Path, pyproject: dict[str, Any], tmp_path: Path
) -> None:
    source = tmp_path / "source"
    for package in pyproject["tool"]["setuptools"]["packages"]:
        parts = package.split(".")[1:]
        source.joinpath(*parts).mkdir(parents=True, exist_ok=True)
        for file in repository.joinpath(*parts).iterdir():
            if file.is_file() and not file.name.startswith("."):
                shutil.copyfile(file, source.joinpath(*parts, file.name))
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "dist", "."]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = (source / "dist").iterdir()
    assert wheel.name == f"wfctl-{__version__}-py3-none-any.whl"

    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = email.message_from_bytes(archive.read(f"wfctl-{__version__}.dist-info/METADATA"))
    info = {name for name in names if name.startswith(f"wfctl-{__version__}.dist-info/")}
    expected = {
        f"wfctl/{file.relative_to(source)}"
        for file in source.rglob("*")
        if file.suffix == ".py" and "build" not in file.relative_to(source).parts
    }
    for package, patterns in pyproject["tool"]["setuptools"]["package-data"].items():
        folder = source.joinpath(*package.split(".")[1:])
        data = [file for pattern in patterns for file in folder.glob(pattern)]
        assert data, package
        expected |= {f"wfctl/{file.relative_to(source)}" for file in data}
    assert {"wfctl/py.typed", "wfctl/recipes/digits.yaml"} <= expected
    assert names - info == expected
    assert metadata["License-Expression"] == "Apache-2.0"
    assert any(name.endswith("licenses/LICENSE") for name in info)


def test_every_dependency_has_an_exact_version(
    pyproject: dict[str, Any], pins: dict[str, str]
) -> None:
    project = pyproject["project"]
    extras = [project["optional-dependencies"][extra] for extra in INSTALLED_EXTRAS]
    for group in (project["dependencies"], *extras):
        for text in group:
            requirement = Requirement(text)
            pin = pins[canonicalize_name(requirement.name)]
            assert pin.startswith("==")
            assert requirement.specifier.contains(pin.removeprefix("=="))


def test_make_installs_these_extras(repository: Path) -> None:
    expected = f"install --quiet -e '.[{','.join(INSTALLED_EXTRAS)}]' -c constraints.txt"
    assert expected in (repository / "Makefile").read_text()


def test_constraints_name_no_index_and_no_platform(repository: Path) -> None:
    for line in (repository / "constraints.txt").read_text().splitlines():
        assert line.startswith("#") or re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line)


def test_bento_takes_the_wheel_and_the_tested_versions(
    repository: Path, pyproject: dict[str, Any], pins: dict[str, str]
) -> None:
    bentofile = yaml.safe_load((repository / "bentofile.yaml").read_text())
    assert bentofile["service"] == "wfctl.serve.service:service"
    assert bentofile["include"] == ["artifact/**"]
    python = bentofile["python"]
    assert python["wheels"] == [f"./dist/wfctl-{__version__}-py3-none-any.whl"]
    assert python["lock_packages"] is False
    given = {canonicalize_name(each.name): str(each.specifier)
             for each in map(Requirement, python["packages"])}  # fmt: skip
    needed = {canonicalize_name(Requirement(text).name)
              for text in pyproject["project"]["dependencies"]}  # fmt: skip
    assert given == {name: pins[name] for name in needed}


def test_version_is_the_newest_in_the_changelog(repository: Path) -> None:
    changelog = (repository / "CHANGELOG.md").read_text()
    assert f"## [{__version__}]" in changelog or "## [Unreleased]" in changelog
