"""Killed at any moment while it writes to a server, the next run finishes the job: there as here, byte for byte.

A sample of moments by default, 100 for each place with

    ENGINE_CRASH=full pytest tests/crash/test_remote.py

Each trial is the job of `remote_victim.py` (partitions, rolls, a report of rejects, in half of them an archive on the
server too, in the others a file that changes) in a child process that gets SIGKILL at a random moment, once or more;
then it is run to its end and compared with an undisturbed one. No upload stays open, no staging is left, nor a note of
one; a reader in a process of its own finds no file in part. In other trials the server is killed, and comes back.
`ENGINE_CRASH_SEED` repeats a sample.
"""

import importlib.util
import os
import random
import shutil
import time
from contextlib import suppress
from pathlib import Path

import pytest

from engine.errors import StoreError

spec = importlib.util.spec_from_file_location("remote_victim", Path(__file__).with_name("remote_victim.py"))
remote = importlib.util.module_from_spec(spec)
spec.loader.exec_module(remote)
victim, s3_servers, sftp_servers = remote.victim, remote.s3_servers, remote.sftp_servers

FULL = os.environ.get("ENGINE_CRASH") == "full"
SEED = int(os.environ.get("ENGINE_CRASH_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
MOMENTS = {"weed": 4, "rclone-s3": 1, "openssh": 4}
RESTARTS = 10 if FULL else 1
DOWN = 0.3
"""Seconds for which a server that was killed is away."""

pytestmark = pytest.mark.slow

FORGETS = ("rclone-s3",)
"""Servers that keep open uploads in memory: what a restart took is held until a person says what became of it."""

PLACES = [
    pytest.param("weed", marks=s3_servers.NEEDS_WEED),
    pytest.param("rclone-s3", marks=s3_servers.NEEDS_RCLONE),
    pytest.param("openssh", marks=sftp_servers.NEEDS_SSHD),
]


class Job:
    """An undisturbed job: where it starts, how it ends, what each file may hold meanwhile, how long it takes."""

    def __init__(self, folder, place, *, archive):
        self.place, self.archive = place, archive
        self.master = folder / "master"
        remote.make(self.master, place, archive=archive)
        calm = victim.copy(self.master, folder / "calm")
        started = time.monotonic()
        self.run(calm, "calm")
        self.seconds = time.monotonic() - started
        self.may_hold = {key: [data] for key, data in remote.files(place).items()}
        if not archive:
            victim.change(calm)
        self.run(calm, "calm again")
        self.outcome = remote.outcome(calm, place)
        for key, data in self.outcome["there"].items():
            self.may_hold.setdefault(key, []).append(data)

    def run(self, folder, run_id, **more):
        return victim.child(lambda: victim.job(folder, run_id), **more)

    def trial(self, folder, disturb):
        """The job, disturbed; then everything is as it is without. Gives what `disturb` gives."""
        self.place.empty()
        victim.copy(self.master, folder)
        watcher = remote.Watcher(folder, self.place, self.may_hold)
        try:
            result = disturb(folder)
            if not self.archive:
                victim.change(folder)
            self.run(folder, "finish")
            found = remote.outcome(folder, self.place)
            for key in self.outcome:
                assert found[key] == self.outcome[key], key
            self.run(folder, "once more")
            assert remote.outcome(folder, self.place) == self.outcome
        finally:
            watcher.end()
        shutil.rmtree(folder)
        return result


@pytest.fixture(scope="module", params=PLACES)
def place(request, tmp_path_factory):
    made = remote.PLACES[request.param](tmp_path_factory.mktemp("server"))
    made.name = request.param
    made.moments = 100 if FULL else MOMENTS[request.param]
    yield made
    made.server.stop()


@pytest.fixture(scope="module")
def jobs(place, tmp_path_factory):
    """One with an archive, one in which a file changes between the runs."""
    found = []
    for archive in (True, False):
        found.append(Job(tmp_path_factory.mktemp("job"), place, archive=archive))
        place.empty()
    return found


def noted(number, test):
    """Say how to repeat what failed."""
    try:
        return test()
    except BaseException as error:
        error.add_note(f"ENGINE_CRASH_SEED={SEED}, trial {number}")
        raise


def test_the_calm_job_has_something_of_everything(jobs):
    for job in jobs:
        assert {unit["status"] for unit in job.outcome["units"].values()} == {"committed", "refused", "failed"}
        assert len(job.outcome["units"]) == 12
        tops = ["out/reserved/", "out/none/", "out/refused/", *(["done/", "part/", "error/"] if job.archive else [])]
        assert all(any(key.startswith(top) for key in job.outcome["there"]) for top in tops)
        assert any(key.endswith(".manifest.json") for key in job.outcome["there"])
        assert any(key.endswith("-0002.csv.gz") for key in job.outcome["there"])
        assert any(key.startswith("out/inventory/") for key in job.outcome["files"])


def test_killed_at_random_moments(place, jobs, tmp_path):
    rng, hits = random.Random(SEED), 0
    for number in range(place.moments):
        job = jobs[number % 2]
        moments = [rng.uniform(0, job.seconds) for _ in range(rng.choice([1, 1, 2, 3]))]

        def killed(folder, job=job, moments=moments):
            return sum(job.run(folder, f"killed-{at:.3f}", die_after=at) for at in moments)

        hits += noted(number, lambda job=job, number=number: job.trial(tmp_path / f"job-{number}", killed))
    assert hits >= place.moments // 2, "most of the jobs ended before they were killed"


def test_the_server_is_killed_and_comes_back(place, jobs, tmp_path):
    rng = random.Random(SEED)
    for number in range(RESTARTS):
        job = jobs[number % 2]

        def cut(folder, job=job):
            process = os.fork()
            if process == 0:
                with suppress(StoreError):  # a server that is away too long ends a run, and it says so
                    victim.job(folder, "cut off")
                os._exit(0)
            time.sleep(rng.uniform(0, job.seconds))
            place.server.stop()
            time.sleep(DOWN)
            place.server.start()
            assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
            if place.name in FORGETS:
                job.run(folder, "look")
                place.answer(folder, job.may_hold)

        noted(number, lambda job=job, cut=cut, number=number: job.trial(tmp_path / f"job-{number}", cut))
