"""Series from which a face could be rendered are recognised by their elements."""

import pytest

from pacs.pipeline.faces import find_faces


def series(values: dict | None = None, count: int = 60, step: float = 2.0) -> list[dict]:
    tags = {
        "00080060": ["MR"],
        "00180015": ["HEAD"],
        "00280030": [1.0, 1.0],
        "00280010": [256],
        "00280011": [256],
        "00200037": [1, 0, 0, 0, 1, 0],
        **(values or {}),
    }
    base = {tag: {"Value": value} for tag, value in tags.items()}
    return [{**base, "00200032": {"Value": [0, 0, number * step]}} for number in range(count)]


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"00080060": ["CT"]},
        {"00180015": ["BRAIN"]},
        {"00180015": [], "0008103E": ["t1_mprage_sag"]},
        {"00180015": [], "00081030": ["CT HEAD W/O CONTRAST"]},
        {"00180015": ["HEADNECK"], "00080060": ["CT"]},
        {"00180015": [], "00082218": [{"00080104": {"Value": ["Head"]}}]},
    ],
)
def test_flags_head_with_face(values):
    assert find_faces(series(values)) == {"face"}


@pytest.mark.parametrize(
    "instances",
    [
        [],
        series({"00180015": ["CHEST"], "00081030": ["CT HEAD AND CHEST"]}),
        series({"00180015": ["PROSTATE"]}),
        series({"00180015": [], "0008103E": ["HEADSTART KNEE"]}),
        series({"00080060": ["US"]}),
        series({"00080008": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}),
        series(count=8),
        series(step=8.0),
        series({"00280030": [3.0, 3.0], "00280010": [80], "00280011": [80]}),
        series(count=1),
    ],
)
def test_passes_series_without_face(instances):
    assert find_faces(instances) == frozenset()


def test_multiframe_head_counts_its_frames():
    fine = {"00280008": [160], "00180088": [1.0]}
    assert find_faces(series(fine, count=1)) == {"face"}
    assert find_faces(series({**fine, "00280008": [10]}, count=1)) == frozenset()
