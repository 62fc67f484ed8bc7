"""What the benchmarks share: child processes with their time and peak memory, and tables of medians.

A figure means something only beside another one of the same run: this is a machine of two shared cores.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Any, NamedTuple

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ENGINE = (sys.executable, "-m", "engine")
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
    "PYTHONPATH": ROOT,
    "PYTHONPYCACHEPREFIX": os.path.join(tempfile.gettempdir(), "engine-bench-pycache"),
}
"""As on a user's machine: compiled modules are kept, whatever this shell says; every benchmark warms up first."""


class Child(NamedTuple):
    """One process that ended well: wall seconds, seconds of CPU, peak memory in MB, what it said."""

    seconds: float
    cpu: float
    peak: float
    said: str


def child(command: Sequence[str], folder: str = ".") -> Child:
    """Run a process to its end; a failure ends the benchmark with what the process said."""
    with tempfile.TemporaryFile() as talk:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, stdout=talk, stderr=talk)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        talk.seek(0)
        said = talk.read().decode(errors="replace")
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}:\n{said}")
    return Child(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, said)


def in_turn(rounds: int, *tries: Callable[[], Child]) -> list[list[Child]]:
    """A B A B ..: what disturbs the machine disturbs both."""
    results: list[list[Child]] = [[] for _ in tries]
    for _ in range(rounds):
        for result, attempt in zip(results, tries, strict=True):
            result.append(attempt())
    return results


def middle(children: Sequence[Child], figure: str = "seconds") -> float:
    """The median of one figure."""
    return median(getattr(each, figure) for each in children)


@contextmanager
def folder() -> Iterator[str]:
    """A folder that is gone afterwards; on a disk, so that syncs cost what they cost."""
    with tempfile.TemporaryDirectory(prefix="engine-bench-", dir=os.environ.get("BENCH_DIR")) as made:
        yield made


def table(title: str, heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a small table."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(heads), *cells]) for i in range(len(heads))]
    print(f"\n{title}")
    for row in [list(heads), ["-" * width for width in widths], *cells]:
        print(
            "  " + "  ".join(_placed(cell, width, i) for i, (cell, width) in enumerate(zip(row, widths, strict=True)))
        )


def _placed(cell: str, width: int, column: int) -> str:
    return cell.rjust(width) if column else cell.ljust(width)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 1000 else f"{value:.2f}" if value < 10 else f"{value:.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
