"""Killed at any moment, the next run finishes the job: bytes, rejects, counts and archive as if nothing was.

A sample of moments by default; all step boundaries and 200 random moments for each variant with

    ENGINE_CRASH=full pytest tests/crash

Each trial is a job over twelve files in a child process (`victim.py`) that gets SIGKILL at a random moment,
or before or after one step of the protocol; then the job is run again, sometimes killed again, and compared
with an undisturbed one. All the while another process reads every visible file and finds none in part.
`ENGINE_CRASH_SEED` repeats a sample.
"""

import importlib.util
import os
import random
import shutil
import time
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location("victim", Path(__file__).with_name("victim.py"))
victim = importlib.util.module_from_spec(spec)
spec.loader.exec_module(victim)

FULL = os.environ.get("ENGINE_CRASH") == "full"
SEED = int(os.environ.get("ENGINE_CRASH_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
MOMENTS = 200 if FULL else 4
STEPS = 10**6 if FULL else 4
VARIANTS = ["stay", "archive", "change", "forget", "steps", "parts", "parts changed"]
ALONE = ("archive", "forget")
"""Variants in which, at step boundaries, each unit commits alone."""

CHANGING = ("change", "parts changed")
"""Variants in which a file changes between the runs."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=VARIANTS)
def calm(request, tmp_path_factory):
    """An undisturbed job of one variant: where it starts, how it ends, how long it takes, how many steps it has."""
    top = tmp_path_factory.mktemp("calm")
    variant = request.param
    parts = variant.startswith("parts")
    kind = {"archive": variant in ("archive", "parts"), "steps": variant == "steps", "parts": parts}
    victim.make(top / "warm", **kind)
    victim.job(top / "warm", "warm")  # here, so that the children need not import anything
    steps = victim.boundaries(top / "count", alone=variant in ALONE, **kind)
    victim.make(top / "master", **kind)
    folder = victim.copy(top / "master", top / "job")
    started = time.monotonic()
    victim.child(lambda: victim.job(folder, "calm"))
    seconds = time.monotonic() - started
    expected = {path: [data] for path, data in victim.tree(folder, "out", "done", "part", "error").items()}
    if variant in CHANGING:
        victim.change(folder)
    victim.child(lambda: victim.job(folder, "calm again"))
    for path, data in victim.tree(folder, "out").items():
        expected.setdefault(path, []).append(data)
    return variant, top / "master", victim.outcome(folder), expected, seconds, steps


def trial(calm, folder, kills):
    """Kill, kill again, finish; then everything is as it is without. Says how often it was really killed."""
    variant, master, outcome, expected, _, _ = calm
    victim.copy(master, folder)
    watcher = victim.Watcher(folder, expected)
    hits = 0
    try:
        for number, kill in enumerate(kills):
            hits += kill(lambda number=number: victim.job(folder, f"killed-{number}"))
        if variant in CHANGING:
            victim.change(folder)
        if variant == "forget":
            shutil.rmtree(folder / ".engine", ignore_errors=True)
        for run_id in ("finish", "once more"):
            victim.child(lambda run_id=run_id: victim.job(folder, run_id))
            compare(variant, folder, outcome)
    finally:
        watcher.end()
    shutil.rmtree(folder)
    return hits


def compare(variant, folder, outcome):
    if variant == "forget":  # stagings that no state names are hidden, and in nobody's way
        found = {path: data for path, data in victim.tree(folder, "out").items() if ".part/" not in path}
        assert found == {path: data for path, data in outcome["files"].items() if path.startswith("out")}
    else:
        assert victim.outcome(folder) == outcome


def at_moment(rng, seconds):
    after = rng.uniform(0, seconds)
    return lambda work: victim.child(lambda: grouped(work, rng.random()), after)


def at_step(number, variant):
    return lambda work: victim.child(lambda: victim.counted(work, number, alone=variant in ALONE))


def grouped(work, luck):
    """Half of the jobs commit each unit alone, the others in groups."""
    import engine.run

    if luck < 0.5:
        engine.run.GROUP_SECONDS = 0.0
    work()


def test_the_calm_job_has_something_of_everything(calm):
    _, _, outcome, _, _, steps = calm
    assert {unit["status"] for unit in outcome["units"].values()} == {"committed", "refused", "failed"}
    assert len(outcome["units"]) == 12
    assert outcome["counts"]["rejected"] > 80
    assert steps > 200


def test_killed_at_random_moments(calm, tmp_path):
    rng = random.Random(SEED)
    hits = 0
    for number in range(MOMENTS):
        kills = [at_moment(rng, calm[4]) for _ in range(rng.choice([1, 1, 2, 3]))]
        try:
            hits += trial(calm, tmp_path / f"moment-{number}", kills)
        except AssertionError as error:
            error.add_note(f"ENGINE_CRASH_SEED={SEED}, moment {number}")
            raise
    assert hits >= MOMENTS / 2, "most of the jobs ended before they were killed"


def test_killed_at_step_boundaries(calm, tmp_path):
    rng = random.Random(SEED)
    steps = range(1, calm[5] + 1)
    for number in steps if len(steps) <= STEPS else sorted(rng.sample(steps, STEPS)):
        kills = [at_step(number, calm[0])]
        if rng.random() < 0.3:
            kills.append(at_step(rng.choice(steps), calm[0]))
        try:
            assert trial(calm, tmp_path / f"step-{number}", kills) >= 1
        except AssertionError as error:
            error.add_note(f"ENGINE_CRASH_SEED={SEED}, step {number}")
            raise
