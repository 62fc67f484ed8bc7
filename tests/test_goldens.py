"""Every golden of `fixtures/` through the same plan as in production, byte for byte."""

from pathlib import Path

import pytest

from engine.golden import case_of, differences, find, outcome

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
