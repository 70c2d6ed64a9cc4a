"""Presentation states: what they refer to, cut, turn, shut and draw. PS3.3 C.10.4 to C.10.6."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import FileDataset
from pydicom.sequence import Sequence

from pacs.errors import NotAcceptable
from pacs.pixels.rendering import Look, Viewport, Window
from pacs.pixels.rendering.graphics import Placing, Reach
from pacs.pixels.rendering.presentation import Referenced, references_of, render_presented
from tests.builders import make_ct, uid
from tests.pixels.pictures import as_object
from tests.pixels.rendering.files import item, stored
from tests.wire.contract import contract

PIXELS = np.arange(20 * 30, dtype=np.uint16).reshape(20, 30)
SHOWN = Referenced(uid("s1"), uid("i1"), 1)


def state(**values) -> FileDataset:
    """A presentation state of one image, with a window that shows all its numbers."""
    ds = make_ct("ps", "pss", PresentationLUTShape="IDENTITY")
    for keyword in ("PixelData", "RescaleSlope", "RescaleIntercept"):
        delattr(ds, keyword)
    image = item(ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.2", ReferencedSOPInstanceUID=uid("i1"))
    ds.ReferencedSeriesSequence = item(SeriesInstanceUID=uid("s1"), ReferencedImageSequence=image)
    ds.SoftcopyVOILUTSequence = item(WindowCenter=300, WindowWidth=600, VOILUTFunction="LINEAR_EXACT")
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds


def shown(folder: Path, look: Look | None = None, **values) -> np.ndarray:
    image = stored(folder, as_object(PIXELS))
    (folder / "state").mkdir(exist_ok=True)
    file = stored(folder / "state", state(**values))
    assert list(references_of(file.data_set, file.encoding)) == [SHOWN]
    return render_presented(image, SHOWN, file.data_set, file.encoding, look or Look())


GREY = np.floor(PIXELS / 600 * 255 + 0.5)


@contract("web 6.1", "web 7.3")
@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("flip", ["N", "Y"])
def test_turns_clockwise_then_flips(tmp_path: Path, turn, flip):
    expected = np.rot90(GREY, -turn // 90)
    expected = expected[:, ::-1] if flip == "Y" else expected
    assert np.abs(shown(tmp_path, ImageRotation=turn, ImageHorizontalFlip=flip) - expected).max() <= 1


def test_shows_displayed_area_alone(tmp_path: Path):
    area = item(DisplayedAreaTopLeftHandCorner=[5, 3], DisplayedAreaBottomRightHandCorner=[24, 12])
    assert (shown(tmp_path, DisplayedAreaSelectionSequence=area) == GREY[2:12, 4:24]).mean() > 0.9
    small = shown(tmp_path, Look(viewport=Viewport(10, 10)), DisplayedAreaSelectionSequence=area)
    assert small.shape == (5, 10)


def test_displayed_area_may_reach_beyond_the_image(tmp_path: Path):
    rows, columns = GREY.shape
    area = item(DisplayedAreaTopLeftHandCorner=[-4, 3], DisplayedAreaBottomRightHandCorner=[columns + 7, rows + 2])
    picture = shown(tmp_path, DisplayedAreaSelectionSequence=area)
    assert picture.shape == (rows, columns + 12)
    assert np.abs(picture[: rows - 2, 5 : columns + 5].astype(int) - GREY[2:]).max() <= 1
    assert not picture[rows - 2 :].any()
    assert not picture[:, :5].any()
    assert not picture[:, columns + 5 :].any()
    far = item(DisplayedAreaTopLeftHandCorner=[-(2**30), 1], DisplayedAreaBottomRightHandCorner=[2**30, rows])
    assert shown(tmp_path, DisplayedAreaSelectionSequence=far).shape == GREY.shape


def test_displayed_area_beyond_the_image_is_bounded_in_pixels(tmp_path: Path):
    side = 1100
    image = stored(tmp_path, as_object(np.zeros((side, side), np.uint8)))
    (tmp_path / "state").mkdir()
    for times, expected in ((3, 3 * side), (4, side)):  # four times its sides is more than MOST_PIXELS
        area = item(DisplayedAreaTopLeftHandCorner=[1, 1], DisplayedAreaBottomRightHandCorner=[times * side] * 2)
        file = stored(tmp_path / "state", state(DisplayedAreaSelectionSequence=area))
        assert render_presented(image, SHOWN, file.data_set, file.encoding, Look()).shape == (expected, expected)


def test_inverts_and_follows_callers_window(tmp_path: Path):
    assert np.abs(shown(tmp_path, PresentationLUTShape="INVERSE").astype(int) - (255 - GREY)).max() <= 1
    assert (shown(tmp_path, Look(window=Window(10, 2))) == np.where(PIXELS >= 10, 255, 0)).mean() > 0.99


@pytest.mark.parametrize(
    ("shape", "values", "inside", "outside"),
    [
        ("CIRCULAR", {"CenterOfCircularShutter": [10, 15], "RadiusOfCircularShutter": 5}, (9, 14), (0, 0)),
        ("POLYGONAL", {"VerticesOfThePolygonalShutter": [1, 1, 1, 10, 10, 10, 10, 1]}, (5, 5), (15, 20)),
    ],
)
def test_shutters_hide_what_is_outside(tmp_path: Path, shape, values, inside, outside):
    picture = shown(tmp_path, ShutterShape=shape, ShutterPresentationValue=0xFFFF, **values)
    assert picture[inside] == GREY[inside]
    assert picture[outside] == 255


def test_refuses_what_it_leaves_out(tmp_path: Path):
    with pytest.raises(NotAcceptable, match="bitmap"):
        shown(tmp_path, ShutterShape="BITMAP")


def graphic(**values) -> Sequence:
    return item(GraphicAnnotationUnits="PIXEL", GraphicDimensions=2, GraphicFilled="N", **values)


@pytest.mark.parametrize(
    ("kind", "points", "at"),
    [
        ("POLYLINE", [2, 2, 20, 2], (2, 10)),
        ("CIRCLE", [15, 10, 20, 10], (10, 20)),
        ("ELLIPSE", [5, 10, 25, 10, 15, 5, 15, 15], (10, 25)),
        ("POINT", [15, 10], (10, 15)),
    ],
)
def test_draws_graphics(tmp_path: Path, kind, points, at):
    drawn = graphic(GraphicType=kind, GraphicData=points, NumberOfGraphicPoints=len(points) // 2)
    picture = shown(tmp_path, GraphicAnnotationSequence=item(GraphicLayer="A", GraphicObjectSequence=drawn))
    assert picture.shape == (20, 30, 3)
    assert tuple(picture[at]) == (255, 255, 0)


def test_draws_text(tmp_path: Path):
    text = item(UnformattedTextValue="MASS", AnchorPoint=[0.1, 0.1], AnchorPointAnnotationUnits="DISPLAY")
    picture = shown(tmp_path, GraphicAnnotationSequence=item(GraphicLayer="A", TextObjectSequence=text))
    plain = np.repeat(GREY[..., None], 3, axis=2)
    assert (np.abs(picture - plain).max(axis=2) > 50).sum() > 10


@given(st.integers(0, 29), st.integers(0, 19), st.sampled_from([0, 90, 180, 270]), st.booleans())
def test_points_go_where_their_pixels_go(x, y, turn, flip):
    marked = np.zeros((20, 30), bool)
    marked[y, x] = True
    turned = np.rot90(marked, -turn // 90)
    turned = turned[:, ::-1] if flip else turned
    across, down = Placing(0, 0, 30, 20, turn, flip).of_pixel(x + 0.5, y + 0.5)
    assert turned[int(down), int(across)]


def annotated(folder: Path, *objects: Sequence, **values) -> np.ndarray:
    """The picture with these graphic objects."""
    every = Sequence([each for some in objects for each in some])
    return shown(folder, GraphicAnnotationSequence=item(GraphicLayer="A", GraphicObjectSequence=every), **values)


def drawing(kind: str, points: list[float], filled: str = "N") -> Sequence:
    found = graphic(GraphicType=kind, GraphicData=points, NumberOfGraphicPoints=len(points) // 2)
    found[0].GraphicFilled = filled
    return found


def inked(picture: np.ndarray) -> np.ndarray:
    return (picture == (255, 255, 0)).all(axis=-1)


FAR = 9e8


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("kind", "points", "filled", "expected"),
    [
        ("POLYLINE", [-FAR, 10.5, FAR, 10.5], "N", np.s_[10:11, :]),
        ("POLYLINE", [10.5, -FAR, 10.5, FAR], "N", np.s_[:, 10:11]),
        ("POLYLINE", [-FAR, -FAR, FAR, FAR] * 50, "N", None),
        ("POLYLINE", [FAR, FAR, FAR, -FAR], "N", np.s_[:0, :0]),
        ("POLYLINE", [-FAR, -FAR, FAR, -FAR, FAR, FAR, -FAR, FAR, -FAR, -FAR], "Y", np.s_[:, :]),
        ("POLYLINE", [15.0, -FAR, FAR, -FAR, FAR, FAR, 15.0, FAR, 15.0, -FAR], "Y", np.s_[:, 15:]),
        ("POLYLINE", [FAR, FAR, FAR - 99, FAR, FAR, FAR - 99, FAR, FAR], "Y", np.s_[:0, :0]),
        ("CIRCLE", [0, 0, FAR, 0], "N", np.s_[:0, :0]),
        ("CIRCLE", [0, 0, FAR, 0], "Y", np.s_[:, :]),
        ("CIRCLE", [15.5 - FAR / 9, 10, 15.5, 10], "N", np.s_[:, 15:16]),
        ("ELLIPSE", [-FAR, 0, FAR, 0, 0, -FAR, 0, FAR], "N", np.s_[:0, :0]),
        ("POINT", [FAR, FAR], "N", np.s_[:0, :0]),
        ("POINT", [1e30, 3], "N", np.s_[:0, :0]),
        ("CIRCLE", [0, 0, 1e38, 0], "Y", np.s_[:0, :0]),
        ("POLYLINE", [5, 5, 1e30, 5], "N", np.s_[:0, :0]),
    ],
)
def test_graphics_that_reach_far_beyond_the_picture_are_cut(tmp_path: Path, kind, points, filled, expected):
    found = inked(annotated(tmp_path, drawing(kind, points, filled)))
    if expected is None:
        assert found[np.arange(20), np.arange(20)].all()
        assert found.sum() == 20
        return
    wanted = np.zeros((20, 30), bool)
    wanted[expected] = True
    assert (found == wanted).mean() > 0.9 if kind == "CIRCLE" and filled == "N" else np.array_equal(found, wanted)


@pytest.mark.parametrize("place", [1e9, 1e30, -1e38])
def test_text_out_of_reach_is_not_drawn(tmp_path: Path, place):
    text = item(UnformattedTextValue="MASS", AnchorPoint=[place, place], AnchorPointAnnotationUnits="PIXEL")
    picture = shown(tmp_path, GraphicAnnotationSequence=item(GraphicLayer="A", TextObjectSequence=text))
    assert not inked(picture).any()


def test_points_of_all_objects_together_are_bounded(tmp_path: Path):
    many = [drawing("POLYLINE", [2, 2, 20, 2] * 4_000)] * 7
    last = drawing("POLYLINE", [2, 12, 20, 12])
    assert inked(annotated(tmp_path, *many[:6], last))[12, 10]
    assert not inked(annotated(tmp_path, *many, last))[12, 10]


@given(st.lists(st.tuples(st.floats(-9e8, 9e8), st.floats(-9e8, 9e8)), min_size=2, max_size=6))
def test_what_is_cut_lies_within_reach(points):
    reach = Reach.around(30, 20)
    cut = [*reach.polygon(points), *reach.segment(points[0], points[1])]
    edge = Reach(reach.left - 1, reach.top - 1, reach.right + 1, reach.bottom + 1)  # floats are rounded
    assert edge.holds(cut)


@given(st.lists(st.tuples(st.integers(-4000, 4000), st.integers(-4000, 4000)), min_size=2, max_size=6))
def test_what_lies_within_reach_stays(points):
    reach = Reach.around(30, 20)
    assert reach.holds(points)
    assert reach.polygon(points) == points
    assert reach.segment(points[0], points[1]) == [points[0], points[1]]
