from pathlib import Path

import pytest

from wfctl.core.errors import RecipeError
from wfctl.core.recipe import Recipe
from wfctl.core.recipe_file import (
    built_in_recipes,
    dump_recipe,
    find_recipe,
    load_recipe,
    recipe_from_values,
)

KINDS = "image, number, table"
TEXT = """\
# A recipe.
name: tiny
task: classification
data:
  source: digits
  batch_size: 64
preprocess:
  kind: image
  mode: L
  size: [8, 8]
  mean: [0.3]
  std: [0.4]
model:
  name: digits-cnn
  options: {width: 32}
train:
  epochs: 15
  seed: 7
  lr: 2e-3
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "tiny.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def faults(folder: Path, text: str, *overrides: str) -> tuple[str, ...]:
    with pytest.raises(RecipeError) as caught:
        load_recipe(write(folder, text), overrides)
    return caught.value.faults


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    return load_recipe(write(tmp_path, TEXT))


@pytest.mark.parametrize("name", built_in_recipes())
def test_every_built_in_recipe_loads_under_its_own_name(name: str) -> None:
    assert load_recipe(find_recipe(name)).name == name


def test_numbers_are_read_as_yaml_1_2_says(recipe: Recipe, tmp_path: Path) -> None:
    assert recipe.train.lr == 0.002
    leading_zero = TEXT.replace("epochs: 15", "epochs: 010").replace("seed: 7", "seed: 08")
    train = load_recipe(write(tmp_path, leading_zero)).train
    assert (train.epochs, train.seed) == (10, 8)


def test_words_are_words(tmp_path: Path) -> None:
    text = TEXT.replace("{width: 32}", "{a: no, b: on, c: 2026-01-02, d: 1:30, e: true, f: ~}")
    assert load_recipe(write(tmp_path, text)).model.options == {
        "a": "no", "b": "on", "c": "2026-01-02", "d": "1:30", "e": True, "f": None
    }  # fmt: skip


def test_three_faults_are_three_lines_each_with_its_place(tmp_path: Path) -> None:
    text = (
        TEXT.replace("batch_size: 64", "batchsize: 64")
        .replace("epochs: 15", "epochs: many")
        .replace("seed: 7", "seed: -1")
    )
    assert sorted(faults(tmp_path, text)) == [
        "tiny.yaml:17: train.epochs: input should be a valid integer, but the value is 'many'",
        "tiny.yaml:18: train.seed: input should be greater than or equal to 0, but the value is -1",
        "tiny.yaml:6: data.batchsize: unknown key (did you mean 'batch_size'?)",
    ]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("seed: 7", "sed: 7", "tiny.yaml:18: train.sed: unknown key (did you mean 'seed'?)"),
        ("mode: L", "mod: L", "tiny.yaml:9: preprocess.mod: unknown key (did you mean 'mode'?)"),
        ("  epochs: 15\n", "", "tiny.yaml:16: train.epochs: this key is required"),
        ("name: tiny\n", "", "tiny.yaml: name: this key is required"),
        ("kind: image", "kind: imge",
         "tiny.yaml:8: preprocess.kind: unknown kind 'imge' (did you mean 'image'?)"),
        ("  kind: image\n", "",
         f"tiny.yaml:7: preprocess.kind: this key is required (valid: {KINDS})"),
        ("{width: 32}", "[width]",
         "tiny.yaml:15: model.options: input should be a valid dictionary, "
         "but the value is ['width']"),
        ("  source: digits\n  batch_size: 64", "  - digits",
         "tiny.yaml:4: data: expected keys and values, but the value is ['digits']"),
        ("seed: 7", "epochs: 7", "tiny.yaml:18: train.epochs: the key stands here a second time"),
        ("size: [8, 8]", "size: [8, 8.5]",
         "tiny.yaml:10: preprocess.size.1: input should be a valid integer, "
         "but the value is 8.5"),
        ("  lr: 2e-3", "  handlers: [{call: a:b, event: STARTED, evry: 2}]",
         "tiny.yaml:19: train.handlers.0.evry: unknown key (did you mean 'every'?)"),
    ],
)  # fmt: skip
def test_one_fault(tmp_path: Path, old: str, new: str, fault: str) -> None:
    assert TEXT.count(old) == 1
    assert faults(tmp_path, TEXT.replace(old, new)) == (fault,)


def test_an_unknown_key_like_no_other_lists_the_valid_ones(tmp_path: Path) -> None:
    text = TEXT + "export: {xyzzy: 1}\n"
    assert faults(tmp_path, text) == (
        "tiny.yaml:20: export.xyzzy: unknown key (valid: formats, tolerance)",
    )


def test_the_alternatives_of_a_key_are_one_line(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, TEXT + "augment: [3]\n")
    assert fault.startswith("tiny.yaml:20: augment.0: ")
    assert "; or " in fault


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", r"tiny.yaml:1: expected keys and values"),
        ("- a\n", r"tiny.yaml:1: expected keys and values"),
        ("!!set {a, b}\n", r"tiny.yaml:1: expected keys and values"),
        ("a: [1\nb: 2\n", r"tiny.yaml:2: not valid YAML: "),
        ("a: 1\n---\nb: 2\n", r"tiny.yaml:2: not valid YAML: but found another document"),
        ("a: \0\n", r"tiny.yaml:1: not valid YAML: special characters are not allowed"),
        ("? [a, b]\n: 1\n", r"tiny.yaml:1: not valid YAML: found unhashable key"),
        ("a: !!int many\n", r"tiny.yaml: not valid YAML: invalid literal for int"),
        ("a: !!python/object:os.system {}\n", r"tiny.yaml:1: not valid YAML: could not determine"),
        ("a: &a [*a]\n", r"tiny.yaml: nested too deeply, or an alias in itself"),
    ],
)
def test_what_is_no_recipe(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(RecipeError, match=fault):
        load_recipe(write(tmp_path, text))


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    file = tmp_path / "tiny.yaml"
    file.write_bytes(b"\x89PNG\r\n\x1a\n\xff")
    with pytest.raises(RecipeError, match=r"tiny.yaml: cannot be read as UTF-8 text"):
        load_recipe(file)


def test_overrides_are_typed_by_the_schema(tmp_path: Path) -> None:
    overrides = ["train.epochs=3", "train.lr=1e-2", "preprocess.size=[4, 6]", "name=other",
                 "train.checkpoint.every=10", "data.root=null"]  # fmt: skip
    recipe = load_recipe(write(tmp_path, TEXT), overrides)
    assert recipe.train.epochs == 3
    assert recipe.train.lr == 0.01
    assert recipe.preprocess.model_dump()["size"] == (4, 6)
    assert recipe.name == "other"
    assert recipe.train.checkpoint.every == 10
    assert recipe.data.root is None
    assert recipe.train.seed == 7


@pytest.mark.parametrize(
    ("override", "fault"),
    [
        ("train.epochs=x", "--set train.epochs=x: train.epochs: input should be a valid integer, "
         "but the value is 'x'"),
        ("train.epoch=3", "--set train.epoch=3: train.epoch: unknown key "
         "(did you mean 'epochs'?)"),
        ("epochs", "--set epochs: expected KEY=VALUE, such as --set train.epochs=5"),
        ("=3", "--set =3: expected KEY=VALUE, such as --set train.epochs=5"),
        ("train..lr=3", "--set train..lr=3: expected KEY=VALUE, such as --set train.epochs=5"),
        ("name=[a", "--set name=[a: the value is not valid YAML"),
        ("train=5", "--set train=5: train: expected keys and values, but the value is 5"),
    ],
)  # fmt: skip
def test_a_wrong_override_names_itself(tmp_path: Path, override: str, fault: str) -> None:
    assert faults(tmp_path, TEXT, override) == (fault,)


def test_faults_of_the_file_and_of_overrides_come_together(tmp_path: Path) -> None:
    found = faults(tmp_path, TEXT.replace("seed: 7", "seed: x"), "train.epochs=0", "oops")
    assert len(found) == 3


def test_an_override_mends_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, TEXT.replace("seed: 7", "seed: x"))
    assert load_recipe(file, ["train.seed=1"]).train.seed == 1


def test_a_dumped_recipe_reads_back_as_the_same(recipe: Recipe, tmp_path: Path) -> None:
    text = dump_recipe(recipe)
    assert load_recipe(write(tmp_path, text)) == recipe
    assert "tolerance:" in text  # defaults are written out


@pytest.mark.parametrize("word", ["1e5", "010", "no", "~", "1:30", "2026-01-02", "0x1F", ".inf"])
def test_words_that_look_like_numbers_stay_words(recipe: Recipe, tmp_path: Path, word: str) -> None:
    model = recipe.model.model_copy(update={"options": {"a": word}})
    file = write(tmp_path, dump_recipe(recipe.model_copy(update={"model": model})))
    assert load_recipe(file).model.options == {"a": word}


def test_plain_values_are_checked_and_not_changed(recipe: Recipe) -> None:
    values = recipe.model_dump(mode="json")
    assert recipe_from_values(values, ["train.epochs=2"]).train.epochs == 2
    assert values["train"]["epochs"] == 15
    with pytest.raises(RecipeError, match=r"^manifest\.json: train\.epochs: input should be"):
        recipe_from_values({**values, "train": {"epochs": 0}}, name="manifest.json")


def test_find_by_name_and_by_path(tmp_path: Path) -> None:
    assert find_recipe("digits") == built_in_recipes()["digits"]
    file = write(tmp_path, TEXT)
    assert find_recipe(str(file)) == file


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("digit", r"unknown recipe 'digit' \(did you mean 'digits'\?\)"),
        ("xyzzy", r"unknown recipe 'xyzzy' \(valid: [a-z0-9, -]*digits, "),
        ("absent.yaml", r"absent\.yaml: there is no such recipe file"),
        ("a/b", r"a/b: there is no such recipe file"),
        (".", r"\.: is a folder; name the recipe's YAML file in it"),
    ],
)
def test_not_found(name: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        find_recipe(name)
