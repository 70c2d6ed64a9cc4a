"""Decoded frames: kept for a while, and the next one of a cine made before it is asked for.

A viewer plays one frame after the other, and most of the time of such an answer is the decoder's. So whoever asks for
a frame after the one before it has the next one decoded while this one is on its way. Not more than one: decoders keep
other threads of the process waiting.
"""

import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from pacs.errors import NotAcceptable
from pacs.model import StoredInstance
from pacs.pixels import StoredFile, frame_pixels, native_bytes

KEPT_BYTES = 8 << 20  # in each process: what a viewer goes on with
_LARGEST = 8  # a frame that takes more than this part of it is not kept

_Key = tuple[str, int]


class DecodedFrames:
    """The frames that were asked for last, by digest of the file and number from 0, as Little Endian pixels."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._lock = most_bytes, threading.Lock()
        self._frames: OrderedDict[_Key, Future[bytes]] = OrderedDict()
        self._bytes = 0
        self._ahead = ThreadPoolExecutor(1, "next-frame")
        self._looks_ahead = False

    def frame(self, instance: StoredInstance, file: StoredFile, number: int) -> bytes:
        """A frame of an encapsulated image. Raises `NotAcceptable` when it cannot be decoded."""
        data = self._frame((instance.digest, number), file)
        following = (instance.digest, number + 1)
        with self._lock:
            in_turn = (instance.digest, number - 1) in self._frames and number + 1 < len(file.frames)
            starts = in_turn and following not in self._frames and not self._looks_ahead
            self._looks_ahead = self._looks_ahead or starts
        if starts:
            self._ahead.submit(self._look_ahead, following, file)
        return data

    def _look_ahead(self, key: _Key, file: StoredFile) -> None:
        try:
            with suppress(NotAcceptable):  # whoever asks for it will be told
                self._frame(key, file)
        finally:
            self._looks_ahead = False

    def _frame(self, key: _Key, file: StoredFile) -> bytes:
        with self._lock:
            found = self._frames.get(key)
            if found is not None:
                self._frames.move_to_end(key)
            else:
                mine = self._frames[key] = Future()
        if found is not None:
            return found.result()
        try:
            data = native_bytes(*frame_pixels(file, key[1]))
        except BaseException as error:
            with self._lock:
                del self._frames[key]
            mine.set_exception(error)
            raise
        mine.set_result(data)
        self._keep(key, len(data))
        return data

    def _keep(self, key: _Key, size: int) -> None:
        with self._lock:
            if size > self._most // _LARGEST:
                del self._frames[key]
                return
            self._bytes += size
            while self._bytes > self._most:
                oldest = next(each for each, frame in self._frames.items() if frame.done())
                self._bytes -= len(self._frames.pop(oldest).result())


decoded = DecodedFrames(KEPT_BYTES)
