"""The curators' picture shows both sides and the rectangles."""

import io

import numpy as np
import pytest
from PIL import Image as Pillow

from pacs.deid.pixels.clean import PixelOutcome, Region
from pacs.deid.pixels.preview import preview
from pacs.errors import NotAcceptable
from tests.pixels.pictures import as_object, ground, labelled, parsed


def test_preview_has_both_sides_and_boxes():
    before, syntax = parsed(as_object(labelled()))
    after, _syntax = parsed(as_object(ground()))
    outcome = PixelOutcome("read", after, syntax, regions=(Region(10, 8, 170, 20, "text"),))
    picture = np.asarray(Pillow.open(io.BytesIO(preview(before, syntax, outcome))))
    assert picture.shape == (100, 240 + 8 + 240, 3)
    assert tuple(picture[8, 9]) == (255, 40, 40)


def test_preview_of_absent_frame_is_refused():
    before, syntax = parsed(as_object(labelled()))
    with pytest.raises(NotAcceptable):
        preview(before, syntax, PixelOutcome("read", before, syntax), 3)
