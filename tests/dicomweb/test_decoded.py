"""Decoded frames that are asked for again."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pydicom.uid import RLELossless

from pacs.dicomweb import decoded
from pacs.dicomweb.decoded import DecodedFrames
from pacs.errors import NotAcceptable
from pacs.pixels import StoredFile, frame_pixels
from tests.pixels.pictures import as_object
from tests.pixels.rendering.files import stored

SIDE, FRAMES = 16, 6
FRAME_BYTES = SIDE * SIDE
INSTANCE: Any = SimpleNamespace(digest="a")


@pytest.fixture
def cine(tmp_path: Path) -> StoredFile:
    pixels = np.arange(FRAMES, dtype=np.uint8).repeat(FRAME_BYTES).reshape(FRAMES, SIDE, SIDE)
    ds = as_object(pixels[0], NumberOfFrames=FRAMES)
    ds.PixelData = pixels.tobytes()
    ds.compress(RLELossless, generate_instance_uid=False)
    return stored(tmp_path, ds)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The frames that were decoded, in their order."""
    numbers: list[int] = []

    def counted(file: StoredFile, number: int) -> Any:
        numbers.append(number)
        return frame_pixels(file, number)

    monkeypatch.setattr(decoded, "frame_pixels", counted)
    return numbers


def test_a_frame_is_decoded_once(cine: StoredFile, made: list[int]) -> None:
    frames = DecodedFrames(1 << 20)
    for _ in range(3):
        assert frames.frame(INSTANCE, cine, 2) == bytes([2]) * FRAME_BYTES
    assert made == [2]


def test_oldest_frames_are_forgotten_at_the_bound(cine: StoredFile, made: list[int]) -> None:
    frames = DecodedFrames(8 * FRAME_BYTES)
    for digest in "abc":
        for number in (0, 2, 4):
            frames.frame(SimpleNamespace(digest=digest), cine, number)  # type: ignore[arg-type]
    assert frames._bytes == 8 * FRAME_BYTES
    frames.frame(SimpleNamespace(digest="c"), cine, 4)  # type: ignore[arg-type]
    assert len(made) == 9
    frames.frame(INSTANCE, cine, 0)
    assert len(made) == 10


def test_large_frames_are_not_kept(cine: StoredFile, made: list[int]) -> None:
    frames = DecodedFrames(FRAME_BYTES)
    for _ in range(2):
        frames.frame(INSTANCE, cine, 1)
    assert made == [1, 1]
    assert not frames._frames


def test_errors_are_told_each_time(cine: StoredFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_file: StoredFile, _number: int) -> Any:
        raise NotAcceptable("no")

    monkeypatch.setattr(decoded, "frame_pixels", refuse)
    frames = DecodedFrames(1 << 20)
    for _ in range(2):
        with pytest.raises(NotAcceptable):
            frames.frame(INSTANCE, cine, 1)
    assert not frames._frames
