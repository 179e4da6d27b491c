import torch

from wfctl.models.fizzbuzz import FizzBuzz, FizzBuzzMlp


def fizzbuzz(number: int) -> str:
    word = "fizz" * (number % 3 == 0) + "buzz" * (number % 5 == 0)
    return word or "number"


def test_the_answers_are_fizzbuzz() -> None:
    data = FizzBuzz("test")
    answers = [data.classes[target] for _, target in (data[index] for index in range(len(data)))]
    assert answers == [fizzbuzz(number) for number in range(1, 101)]


def test_what_is_tested_on_is_never_trained_on() -> None:
    train, test = FizzBuzz("train"), FizzBuzz("test")
    assert test.numbers.tolist() == list(range(1, 101))
    assert train.numbers.tolist() == list(range(101, 1024))


def test_the_largest_number_to_train_on_is_an_option() -> None:
    assert FizzBuzz("train", maximum=120).numbers.tolist() == list(range(101, 121))


def test_a_sample_is_the_number_itself() -> None:
    number, target = FizzBuzz("test")[14]
    assert (number.dtype, number.shape, int(number)) == (torch.int64, (), 15)
    assert FizzBuzz.classes[target] == "fizzbuzz"


def test_the_network_gives_a_logit_a_class() -> None:
    assert FizzBuzzMlp(classes=4, bits=6, hidden=8)(torch.zeros(3, 6)).shape == (3, 4)
