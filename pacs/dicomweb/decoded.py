"""Decoded frames are kept for a while, and the next ones of a cine are decoded while one is sent.

Several viewers look at the same frame, and ask for it again; who plays a cine asks for one after the other.
"""

import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial

from pacs.model import StoredInstance
from pacs.pixels import StoredFile, frame_pixels, native_bytes

KEPT_BYTES = 32 << 20  # in each process
_LARGEST = 8  # a frame that takes more than this part of it is not kept
_AHEAD = 2  # frames; the decoder is quicker than a client, so more would only wait

_Key = tuple[str, int]  # digest of the file, number of the frame from 0


class DecodedFrames:
    """The frames that were asked for last, and those that are expected next, as Little Endian pixels."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._lock = most_bytes, threading.Lock()
        self._frames: OrderedDict[_Key, bytes] = OrderedDict()
        self._bytes = 0
        self._expected: dict[_Key, Future[bytes]] = {}  # those that are not decoded yet
        self._thread: ThreadPoolExecutor | None = None  # of the process that serves, not of the one it is forked from

    def frame(self, instance: StoredInstance, file: StoredFile, number: int) -> bytes:
        """A frame of an encapsulated image. Raises `NotAcceptable` when it cannot be decoded."""
        key = instance.digest, number
        with self._lock:
            known, expected = self._frames.get(key), self._expected.get(key)
            if known is not None:
                self._frames.move_to_end(key)
            if (instance.digest, number - 1) in self._frames:
                self._expect((instance.digest, number + 1), file)
        if known is not None:
            return known
        if expected is not None and not expected.cancel():
            return expected.result()
        return self._decode(key, file)

    def _expect(self, first: _Key, file: StoredFile) -> None:
        """Begin with the frames from the first: one follows the other, and they are small enough to be kept."""
        digest, number = first
        with suppress(RuntimeError):  # a process that is about to end takes no more
            for each in range(number, min(number + _AHEAD, len(file.frames))):
                key = digest, each
                if key not in self._frames and key not in self._expected:
                    self._expected[key] = begun = self._pool().submit(self._decode, key, file)
                    begun.add_done_callback(partial(self._decoded, key))

    def _pool(self) -> ThreadPoolExecutor:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "decoding")
        return self._thread

    def _decoded(self, key: _Key, _done: Future[bytes]) -> None:
        self._expected.pop(key, None)

    def _decode(self, key: _Key, file: StoredFile) -> bytes:
        data = native_bytes(*frame_pixels(file, key[1]))
        if len(data) <= self._most // _LARGEST:
            self._keep(key, data)
        return data

    def _keep(self, key: _Key, data: bytes) -> None:
        with self._lock:
            if key in self._frames:  # two asked at the same time
                return
            self._frames[key] = data
            self._bytes += len(data)
            while self._bytes > self._most:
                _oldest, gone = self._frames.popitem(last=False)
                self._bytes -= len(gone)


decoded = DecodedFrames(KEPT_BYTES)
