import json

from click.testing import CliRunner

from wfctl.cli.find_lr import command


def test_prints_a_rate_that_train_takes() -> None:
    result = CliRunner().invoke(command, ["digits", "--iterations", "60", "--device", "cpu"])
    assert 1e-6 < float(result.stdout) < 1


def test_json_holds_what_was_tried() -> None:
    options = ["fizzbuzz", "--iterations", "40", "--device", "cpu", "--json"]
    found = json.loads(CliRunner().invoke(command, options).stdout)
    assert found["suggestion"] in found["rates"]
    assert len(found["rates"]) == len(found["losses"])
