"""Decoded frames that are asked for again, and those that are asked for one after the other."""

import threading
from concurrent.futures import ThreadPoolExecutor
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


def played(frames: DecodedFrames, file: StoredFile, *numbers: int) -> None:
    """Ask for frames, and let what is expected then be decoded."""
    for number in numbers:
        assert frames.frame(INSTANCE, file, number) == bytes([number]) * FRAME_BYTES
    if frames._thread is not None:
        frames._thread.submit(int).result()


def test_a_cine_is_decoded_ahead(cine: StoredFile, made: list[int]) -> None:
    frames = DecodedFrames(1 << 20)
    played(frames, cine, 0, 1)
    assert sorted(made) == [0, 1, 2, 3]
    assert not frames._expected
    played(frames, cine, 2)
    assert made.count(2) == 1


def test_nothing_follows_the_last_frame(cine: StoredFile, made: list[int]) -> None:
    played(DecodedFrames(1 << 20), cine, FRAMES - 2, FRAMES - 1)
    assert sorted(made) == [FRAMES - 2, FRAMES - 1]


def test_frames_apart_are_no_cine(cine: StoredFile, made: list[int]) -> None:
    played(DecodedFrames(1 << 20), cine, 0, 2, 4, 1)
    assert sorted(made) == [0, 1, 2, 3, 4]  # 3 after 1 and 2


def test_large_frames_are_not_decoded_ahead(cine: StoredFile, made: list[int]) -> None:
    played(DecodedFrames(FRAME_BYTES), cine, 0, 1, 2)
    assert made == [0, 1, 2]


def test_who_asks_does_not_wait_for_what_has_not_begun(cine: StoredFile, made: list[int]) -> None:
    frames, busy = DecodedFrames(1 << 20), threading.Event()
    frames._thread = ThreadPoolExecutor(1)
    frames._thread.submit(busy.wait)
    try:
        for number in range(FRAMES):
            frames.frame(INSTANCE, cine, number)
    finally:
        busy.set()
    frames._thread.shutdown()
    assert sorted(made) == list(range(FRAMES))


def test_who_asks_for_what_is_under_way_waits_for_it(cine: StoredFile, monkeypatch: pytest.MonkeyPatch) -> None:
    made, begun, may_end = [], threading.Event(), threading.Event()

    def slow(file: StoredFile, number: int) -> Any:
        made.append(number)
        if number == 2:
            begun.set()
            may_end.wait()
        return frame_pixels(file, number)

    monkeypatch.setattr(decoded, "frame_pixels", slow)
    frames = DecodedFrames(1 << 20)
    frames.frame(INSTANCE, cine, 0)
    frames.frame(INSTANCE, cine, 1)
    begun.wait()
    with ThreadPoolExecutor(1) as asker:
        answer = asker.submit(frames.frame, INSTANCE, cine, 2)
        may_end.set()
        assert answer.result() == bytes([2]) * FRAME_BYTES
    assert made.count(2) == 1


def test_errors_of_what_was_decoded_ahead_are_told(cine: StoredFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(file: StoredFile, number: int) -> Any:
        if number > 1:
            raise NotAcceptable("no")
        return frame_pixels(file, number)

    monkeypatch.setattr(decoded, "frame_pixels", refuse)
    frames = DecodedFrames(1 << 20)
    played(frames, cine, 0, 1)
    with pytest.raises(NotAcceptable):
        frames.frame(INSTANCE, cine, 2)
