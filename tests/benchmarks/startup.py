"""Start-up above bare Python: `--help`, `check` of big specs, a run of one small file.

Targets above `python -c pass`: help 60 ms, check of 300 lines 250 ms, of 300 fields 400 ms, run 350 ms.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys

import w1
from measure import ENGINE, Child, child, folder, in_turn, middle, table

SHAPES = (
    "resolver: [trim, upper]",
    "resolver: int",
    'resolver: {type: format_date, to: "%Y-%m-%d", zone: UTC}',
    "resolver: {type: decimal, places: 2, rounding: half_up}",
    'resolver: [trim, {type: replace, pattern: "[^0-9]+", to: ""}]',
    "default: NONE",
)
"""What the fields of a generated spec say, in turn."""


def write_spec(path: str, fields: int) -> int:
    """A spec with so many fields of three lines; how many lines it has."""
    lines = ["name: big", 'source: {type: files, path: "in/*.csv"}', "mapping:", "  fields:"]
    for i in range(fields):
        lines += [f"    field_{i}:", f"      source: column_{i}", f"      {SHAPES[i % len(SHAPES)]}"]
    lines.append('sink: {type: files, path: "out/{unit.stem}.jsonl"}')
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    return len(lines)


def main() -> None:
    """Print each median, and what it is above bare Python."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=15)
    given = options.parse_args()
    with folder() as made:
        w1.prepare(os.path.join(made, "small"), 20)
        small = write_spec(os.path.join(made, "small.yaml"), 98)
        big = write_spec(os.path.join(made, "big.yaml"), 300)
        tries = {
            "python -c pass": (0, [sys.executable, "-c", "pass"]),
            "engine --help": (60, [*ENGINE, "--help"]),
            f"check, 98 fields, {small} lines": (250, [*ENGINE, "check", "small.yaml"]),
            f"check, 300 fields, {big} lines": (400, [*ENGINE, "check", "big.yaml"]),
            "run of one small file": (350, [*ENGINE, "run", "small/w1.yaml"]),
        }
        show(
            tries,
            in_turn(
                given.rounds + 1,
                *(lambda command=command: one(command, made) for _, command in tries.values()),
            ),
        )


def one(command: list[str], made: str) -> Child:
    """One process; a run starts from nothing."""
    for name in (".engine", "out"):
        shutil.rmtree(os.path.join(made, "small", name), ignore_errors=True)
    return child(command, made)


def show(tries: dict[str, tuple[int, list[str]]], runs: list[list[Child]]) -> None:
    """The first round warmed up and does not count."""
    times = [1000 * middle(each[1:]) for each in runs]
    work = [1000 * middle(each[1:], "cpu") for each in runs]
    rows = [(name, ms, cpu, ms - times[0], target or "", "" if not target else "met" if ms - times[0] <= target else "MISSED")
            for (name, (target, _)), ms, cpu in zip(tries.items(), times, work, strict=True)]  # fmt: skip
    table(
        f"start-up, medians of {len(runs[0]) - 1} runs in turn",
        ("", "ms", "cpu ms", "above", "target", ""),
        rows,
    )


if __name__ == "__main__":
    main()
