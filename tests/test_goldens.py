"""Every golden of `fixtures/` through the same plan as in production, byte for byte."""

from pathlib import Path

import pytest

from engine.golden import differences, find, outcome

ROOT = Path(__file__).parents[1]


def cases():
    found = {str(Path(case.folder).relative_to(ROOT / "fixtures")): case for case in find(str(ROOT / "fixtures"))}
    return [pytest.param(case, id=name) for name, case in found.items()]


@pytest.mark.parametrize("case", cases())
def test_golden(case):
    assert "\n".join(differences(case, outcome(case))) == ""


def test_every_pipeline_has_a_golden():
    pipelines = {path.stem for path in (ROOT / "pipelines").glob("*.yaml")} - {"engine"}
    assert pipelines <= {path.name.partition(".")[0] for path in (ROOT / "fixtures").iterdir()}
