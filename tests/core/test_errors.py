import inspect

import pytest

from wfctl.core import errors
from wfctl.core.errors import InputError, RecipeError, WfctlError

EXIT_CODES = {
    "UsageError": 2,
    "RecipeError": 2,
    "RunError": 2,
    "CheckpointError": 2,
    "ArtifactError": 2,
    "InputError": 2,
    "MissingDependency": 2,
    "CheckFailed": 1,
    "ParityError": 1,
    "InvalidMeasurement": 3,
    "Inconclusive": 4,
    "Interrupted": 130,
}


def all_errors() -> dict[str, type[WfctlError]]:
    return {
        name: value
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, WfctlError) and value is not WfctlError
    }


def test_exit_codes() -> None:
    assert {name: error.exit_code for name, error in all_errors().items()} == EXIT_CODES


@pytest.mark.parametrize("name", EXIT_CODES)
def test_every_error_is_drawn_in_the_tree(name: str) -> None:
    assert errors.__doc__ is not None
    assert name in errors.__doc__


def test_recipe_error_is_one_line_a_fault() -> None:
    error = RecipeError(["a.yaml:1: one", "a.yaml:2: two"])
    assert error.faults == ("a.yaml:1: one", "a.yaml:2: two")
    assert str(error) == "a.yaml:1: one\na.yaml:2: two"


@pytest.mark.parametrize(("error", "status"), [(InputError("x"), 400), (InputError("x", 413), 413)])
def test_input_error_has_an_http_status(error: InputError, status: int) -> None:
    assert error.status == status
    assert str(error) == "x"
