import pytest
import torch

from wfctl.core.errors import RecipeError
from wfctl.core.recipe import Recipe
from wfctl.core.recipe_file import find_recipe, load_recipe
from wfctl.train.augment import build_augmentation

PICTURE = torch.arange(8 * 8 * 3, dtype=torch.uint8).reshape(8, 8, 3)
CLASS = torch.tensor(1)


def recipe(augment: str, name: str = "digits") -> Recipe:
    return load_recipe(find_recipe(name), [f"augment={augment}"])


def test_no_augmentation_is_none() -> None:
    assert build_augmentation(recipe("[]")) is None


def test_randomness_follows_from_epoch_and_sample_and_nothing_else() -> None:
    augmentation = build_augmentation(recipe("[{RandomCrop: {size: 8, padding: 4}}]"))
    assert augmentation is not None
    first, _ = augmentation(PICTURE, CLASS, 1, 7)
    torch.manual_seed(99)
    again, _ = augmentation(PICTURE, CLASS, 1, 7)
    others = [augmentation(PICTURE, CLASS, epoch, 7)[0] for epoch in range(2, 12)]
    assert first.shape == PICTURE.shape
    assert torch.equal(first, again)
    assert any(not torch.equal(first, other) for other in others)


def test_the_generator_of_training_is_left_alone() -> None:
    augmentation = build_augmentation(recipe("[RandomHorizontalFlip]"))
    assert augmentation is not None
    torch.manual_seed(5)
    before = torch.get_rng_state()
    augmentation(PICTURE, CLASS, 1, 1)
    assert torch.equal(before, torch.get_rng_state())


def test_a_mask_moves_with_its_picture() -> None:
    augmentation = build_augmentation(recipe("[{RandomHorizontalFlip: {p: 1.0}}]"))
    assert augmentation is not None
    mask = torch.arange(64).reshape(8, 8)
    picture, moved = augmentation(PICTURE, mask, 1, 1)
    assert torch.equal(picture, PICTURE.flip(1))
    assert torch.equal(moved, mask.flip(1))


def test_faults_come_all_at_once_with_the_nearest_names() -> None:
    faulty = recipe("[RandomHorizontalFlp, {RandomCrop: {sise: 8}}]")
    with pytest.raises(RecipeError) as caught:
        build_augmentation(faulty)
    assert "augment.0: torchvision.transforms.v2 has no 'RandomHorizontalFlp' (did you mean " \
        "'RandomHorizontalFlip'?)" in str(caught.value)  # fmt: skip
    assert "augment.1: RandomCrop has no option 'sise' (did you mean 'size'?)" in str(caught.value)


def test_numbers_cannot_be_augmented() -> None:
    with pytest.raises(RecipeError, match="augment: goes with pictures, not with number"):
        build_augmentation(recipe("[RandomHorizontalFlip]", "fizzbuzz"))
