"""Every golden of `fixtures/` through the same plan as in production, byte for byte."""

import gzip
from pathlib import Path

import pytest

from engine.cli import main
from engine.differing import difference
from engine.golden import case_of, differences, find, outcome
from engine.spec.secrets import COMMAND

ROOT = Path(__file__).parents[1]


def cases():
    folders = find(str(ROOT / "fixtures"))
    return [pytest.param(case_of(folder), id=str(Path(folder).relative_to(ROOT / "fixtures"))) for folder in folders]


@pytest.mark.parametrize("case", cases())
def test_golden(case):
    assert "\n".join(differences(case, outcome(case))) == ""


def test_every_pipeline_has_a_golden():
    pipelines = {path.stem for path in (ROOT / "pipelines").glob("*.yaml")} - {"engine"}
    assert pipelines <= {path.name.partition(".")[0] for path in (ROOT / "fixtures").iterdir()}


AWAY = """\
connections:
  drop: {type: sftp, host: "${env:NO_HOST}", user: u, password: "${secret:pw}", known_hosts: ./known_hosts}
  lake: {type: s3, bucket: lake, endpoint: "${env:NO_URL}", key: "${env:NO_KEY}", secret: "${file:no-file}"}
  web: {type: http, url: "${env:NO_URL}"}
source: {type: files, connection: drop, path: in/*.csv}
lookups: {names: {type: files, connection: web, path: names.csv, index: id}}
mapping:
  fields:
    id: id
    name: {source: id, resolver: {type: lookup, table: names, field: name}}
sink: {type: files, connection: lake, path: "out/{unit.stem}.parquet"}
"""


def test_a_golden_needs_no_secret(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(COMMAND, "false")  # which is not asked
    for path, text in {
        "engine.yaml": "{}\n",
        "pipelines/away.yaml": AWAY,
        "fixtures/away/input/drop/in/a.csv": "id\n1\n",
        "fixtures/away/input/web/names.csv": "id,name\n1,one\n",
    }.items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text)
    assert main(["test", "--update"]) == 0
    assert Path("fixtures/away/expected/lake/out/a.parquet").exists()
    Path("fixtures/away/input/web/names.csv").write_text("id,name\n1,two\n")
    capsys.readouterr()
    assert main(["test"]) == 10
    assert capsys.readouterr().out.splitlines()[-2:] == [
        '    -{"id":"1","name":"one"}',
        '    +{"id":"1","name":"two"}',
    ]
    assert main(["check", "pipelines/away.yaml"]) == 3
    said = capsys.readouterr().err
    assert said.count("error[S304]") == 6


def test_what_differs_is_said_as_text():
    assert difference("a.csv", b"a\n1\n", b"a\n2\n").splitlines()[2:] == ["@@ -1,2 +1,2 @@", " a", "-1", "+2"]
    packed = [gzip.compress(data, mtime=0) for data in (b"a\n1\n", b"a\n2\n")]
    assert difference("a.csv.gz", *packed).splitlines()[3:] == [" a", "-1", "+2"]
    assert difference("a.bin", b"\0\xff", b"\0") == "a.bin: differs: 1 bytes, golden 2 bytes"
    assert difference("a.csv.gz", b"\x1b[2Jno gzip", packed[0]) == "a.csv.gz: differs: 24 bytes, golden 11 bytes"
    assert difference("a.parquet", b"PAR1", b"\x1b[2J") == "a.parquet: differs: 4 bytes, golden 4 bytes"
    assert difference("a.csv", b"a\r\n", b"a\n") == "a.csv: differs in line ends only: 2 bytes, golden 3 bytes"
    again = gzip.compress(b"a\n1\n", 1, mtime=1)
    said = "a.csv.gz: differs in how it is compressed, or in line ends only: 24 bytes, golden 24 bytes"
    assert difference("a.csv.gz", packed[0], again) == said
