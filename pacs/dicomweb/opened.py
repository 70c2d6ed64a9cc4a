"""Stored files, opened to show or send frames of them."""

import os
import threading
from collections import OrderedDict

from pacs.dicomweb.door import door
from pacs.errors import NotAcceptable
from pacs.model import StoredInstance
from pacs.pixels import StoredFile, read_frames

_MOST = 8

_Inode = tuple[int, int]


class _Recent:
    """The last multi-frame files that were opened: their functional groups are long, and frames come in a row."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self._files: OrderedDict[str, tuple[_Inode, StoredFile]] = OrderedDict()

    def opened(self, instance: StoredInstance) -> StoredFile:
        """The file, by its digest."""
        # Who reads a mapped file where its disk has lost it is killed, also when another stands at its path again.
        inode = check_whole(instance)
        with self._lock:
            known = self._files.get(instance.digest)
            if known is not None and known[0] == inode:
                self._files.move_to_end(instance.digest)
                return known[1]
        file = read_frames(instance.path, door().archive.frames(instance))
        if instance.frames > 1:
            with self._lock:
                self._files[instance.digest] = inode, file
                self._files.move_to_end(instance.digest)
                while len(self._files) > self._most:
                    self._files.popitem(last=False)
        return file


_recent = _Recent(_MOST)


def opened(instance: StoredInstance) -> StoredFile:
    """The file of an instance, ready to show frames. Raises `NotAcceptable` when it is damaged."""
    return _recent.opened(instance)


def check_whole(instance: StoredInstance) -> _Inode:
    """Device and inode of the file. Raises `NotAcceptable` where the disk has lost a part.

    An answer that ends early looks like a slow one.
    """
    try:
        found = os.stat(instance.file)  # noqa: PTH116 - a Path takes three times as long
    except OSError:
        raise NotAcceptable("the stored file is damaged") from None
    if found.st_size != instance.size_bytes:
        raise NotAcceptable("the stored file is damaged")
    return found.st_dev, found.st_ino
