"""Start a script in one process, or in several by ``torchrun``, and read what each process wrote."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from safetensors.torch import load_file
from torch import Tensor

Found = dict[str, list[dict[str, Tensor]]]


@pytest.fixture(scope="session")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path, int, Sequence[str]], tuple[Found, str]]:
    """Return a function of a script, the number of processes and the kinds of system that the script trains.

    The script writes ``KIND-rankR.safetensors`` into the folder that it is given. The function returns what each
    process wrote, by kind, and what was printed; anything on stderr is a fault.
    """

    def start(script: Path, count: int, kinds: Sequence[str]) -> tuple[Found, str]:
        output = tmp_path_factory.mktemp(f"{script.stem}-{count}")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("LT_", "TORCHELASTIC"))}
        environment |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{script.parents[2]}{os.pathsep}{script.parents[1]}"}
        command = [sys.executable]
        if count > 1:
            command += ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
        done = subprocess.run(
            [*command, str(script), str(output)], env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr[-3000:]
        assert not done.stderr, done.stderr[-3000:]
        found = {
            kind: [load_file(output / f"{kind}-rank{rank}.safetensors") for rank in range(count)] for kind in kinds
        }
        return found, done.stdout

    return start
