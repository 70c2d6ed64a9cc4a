"""Decoded frames are kept for a while: several viewers look at the same one, and ask for it again."""

import threading
from collections import OrderedDict

from pacs.model import StoredInstance
from pacs.pixels import StoredFile, frame_pixels, native_bytes

KEPT_BYTES = 32 << 20  # in each process
_LARGEST = 8  # a frame that takes more than this part of it is not kept


class DecodedFrames:
    """The frames that were asked for last, by digest of the file and number from 0, as Little Endian pixels."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._lock = most_bytes, threading.Lock()
        self._frames: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._bytes = 0

    def frame(self, instance: StoredInstance, file: StoredFile, number: int) -> bytes:
        """A frame of an encapsulated image. Raises `NotAcceptable` when it cannot be decoded."""
        key = instance.digest, number
        with self._lock:
            if key in self._frames:
                self._frames.move_to_end(key)
                return self._frames[key]
        data = native_bytes(*frame_pixels(file, number))
        if len(data) <= self._most // _LARGEST:
            self._keep(key, data)
        return data

    def _keep(self, key: tuple[str, int], data: bytes) -> None:
        with self._lock:
            if key in self._frames:  # two asked at the same time
                return
            self._frames[key] = data
            self._bytes += len(data)
            while self._bytes > self._most:
                _oldest, gone = self._frames.popitem(last=False)
                self._bytes -= len(gone)


decoded = DecodedFrames(KEPT_BYTES)
