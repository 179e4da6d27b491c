import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from wfctl.core.errors import RunError
from wfctl.train.run_lock import RunLock

HOLD = """
import sys, time
from pathlib import Path
from wfctl.train.run_lock import RunLock
with RunLock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> subprocess.Popen[str]:
    """Another process that holds the lock of `tmp_path`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_training_is_refused_until_the_first_ends_however_it_does(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    refused = rf"process {holder.pid} is training in this run folder; wait for it, or stop it"
    for _ in range(2):
        with pytest.raises(RunError, match=refused), RunLock(tmp_path):
            pass
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    with RunLock(tmp_path):
        assert (tmp_path / ".lock").read_text() == f"{os.getpid()}\n"
    with RunLock(tmp_path):
        pass
