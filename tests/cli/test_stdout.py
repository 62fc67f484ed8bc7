"""Standard output as a sink, standard input as a source: pipes between programs."""

import os
import subprocess
import sys

import pytest

SPEC = """
source: {type: files, path: in/*.csv}
mapping: {fields: {sku: sku, qty: {source: qty, resolver: int}}}
sink: {type: stdout, formatter: jsonl}
limits: {max_rejects: 50%}
"""


def engine(folder, *words, **more):
    env = {**os.environ, "NO_COLOR": "1"}
    command = [sys.executable, "-m", "engine", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, env=env, **more)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "s.yaml").write_text(SPEC)
    (tmp_path / "in/a.csv").write_text("sku,qty\na,1\nb,x\nc,3\n")
    (tmp_path / "in/b.csv").write_text("sku,qty\nd,4\n")
    return tmp_path


def test_data_goes_to_stdout_once_and_talk_to_stderr(folder):
    done = engine(folder, "run", "s.yaml")
    assert (done.returncode, done.stdout) == (0, b'{"sku":"a","qty":1}\n{"sku":"c","qty":3}\n{"sku":"d","qty":4}\n')
    assert b"ok_with_rejects" in done.stderr
    again = engine(folder, "run", "s.yaml")
    assert (again.returncode, again.stdout) == (0, b"")


def test_a_unit_that_is_refused_writes_nothing(folder):
    (folder / "in/a.csv").write_text("sku,qty\na,1\nb,x\nc,y\n")
    done = engine(folder, "run", "s.yaml")
    assert (done.returncode, done.stdout) == (4, b'{"sku":"d","qty":4}\n')


def test_a_reader_that_goes_away_has_the_unit_again(folder):
    (folder / "in/big.csv").write_text("sku,qty\n" + "".join(f"sku-{n},{n}\n" for n in range(100_000)))
    command = [sys.executable, "-m", "engine", "run", "s.yaml"]
    env = {**os.environ, "NO_COLOR": "1"}
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env) as process:
        process.stdout.read(10)
        process.stdout.close()
        said = process.stderr.read().decode()
        code = process.wait()
    assert code == 6
    assert "[C106] nobody reads standard output any more (run again: the unit is written then)" in said
    assert "Traceback" not in said
    assert "Exception ignored" not in said
    again = engine(folder, "run", "s.yaml")
    assert again.returncode == 0
    assert len(again.stdout.splitlines()) >= 100_000  # the first files may have been written while somebody read


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full, which Linux has")
def test_what_stdout_is_written_to_takes_no_more(folder):
    command = [sys.executable, "-m", "engine", "run", "s.yaml"]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            command, cwd=folder, stdout=full, stderr=subprocess.PIPE, env={**os.environ, "NO_COLOR": "1"}
        )
    said = done.stderr.decode()
    assert done.returncode == 6, said
    assert (
        "[C103] `standard output` cannot be written: the disk is full (free space and run again: nothing is lost)"
        in said
    )
    assert "Traceback" not in said
    assert "Exception ignored" not in said
    again = engine(folder, "run", "s.yaml")
    assert (again.returncode, again.stdout) == (0, b'{"sku":"a","qty":1}\n{"sku":"c","qty":3}\n{"sku":"d","qty":4}\n')
