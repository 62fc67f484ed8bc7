"""Other processes, for what only they can show."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import engine.errors

ROOT = str(Path(engine.errors.__file__).parents[1])
START = "import os, signal, subprocess, sys\nfrom engine.state.kv import KV\nfrom engine.state.locks import Flock\n"


@pytest.fixture
def child():
    """Start a Python process with `KV`, `Flock` and its arguments in `sys.argv`; none is left behind."""
    started = []

    def start(script, *arguments):
        command = [sys.executable, "-c", START + script, *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": ROOT}
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()
