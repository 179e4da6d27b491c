import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from wfctl.cli.recipes import command, describe
from wfctl.core.recipe import Recipe
from wfctl.core.recipe_file import built_in_recipes, load_recipe


def test_lists_every_recipe_with_its_description() -> None:
    lines = CliRunner().invoke(command, []).output.splitlines()
    rows = dict(line.split(maxsplit=1) for line in lines)
    assert list(rows) == list(built_in_recipes())
    assert rows["digits"].startswith("Handwritten digits: the 1,797 pictures")


def test_json_has_name_task_description_and_path() -> None:
    rows = json.loads(CliRunner().invoke(command, ["--json"]).output)
    assert [row["name"] for row in rows] == list(built_in_recipes())
    for row in rows:
        assert set(row) == {"name", "task", "description", "path"}
        assert load_recipe(Path(row["path"])).task == row["task"]
        assert row["description"]


def test_schema_describes_the_recipe() -> None:
    schema = json.loads(CliRunner().invoke(command, ["--schema"]).output)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(schema["properties"]) == set(Recipe.model_fields)
    assert schema["additionalProperties"] is False
    assert schema["$defs"]["Data"]["properties"]["batch_size"]["minimum"] == 1


def test_json_and_schema_together_are_refused() -> None:
    result = CliRunner().invoke(command, ["--json", "--schema"])
    assert result.exit_code == 2
    assert "--json lists the recipes" in result.output


@pytest.mark.parametrize(
    ("text", "expected"),
    [("# One line.\n# More.\nname: x\n", "One line."), ("name: x\n# not this\n", ""), ("", "")],
)
def test_description_is_the_comment_on_the_first_line(
    tmp_path: Path, text: str, expected: str
) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text(text)
    assert describe(file) == expected
