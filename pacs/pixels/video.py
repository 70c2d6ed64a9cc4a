"""Video streams: whether they hold more than pictures. Pure. ISO/IEC 14496-10, -12, 23008-2, 13818-1, -2.

Streams are never rewritten; one that carries sound, user data or descriptions is not taken.
"""

import re

from pacs.dicom.elements import Buffer
from pacs.errors import NotAcceptable

_MP4 = re.compile(rb"....ftyp", re.DOTALL)
# Boxes in which words stand: user data, metadata, free space, XML, vendors' own; and handlers of sound and text.
_TELLING_BOX = re.compile(rb"udta|meta|ilst|uuid|xml |Xtra|skip|free[^\0]|soun|text|sbtl|tx3g|mp4a")
# SEI payload types 4 and 5 (user data) of H.264 and HEVC, and user data of MPEG-2.
_SEI = re.compile(rb"\x00\x00\x01(?:\x06|[\x4e\x50]\x01)(?:\xff)*([\x04\x05])")
_MPEG2_USER = re.compile(rb"\x00\x00\x01\xb2")
_AUDIO_PES = re.compile(rb"\x00\x00\x01[\xbd\xc0-\xdf]")


def check_video(stream: Buffer) -> None:
    """Raise `NotAcceptable` when a stream holds sound, user data or descriptions, which may name people."""
    view = memoryview(stream)
    if _MP4.match(view) and _TELLING_BOX.search(view):
        raise NotAcceptable("the video file holds sound, user data or descriptions")
    if _SEI.search(view) or _MPEG2_USER.search(view):
        raise NotAcceptable("the video stream holds user data")
    if _AUDIO_PES.search(view):
        raise NotAcceptable("the video stream holds sound or private data")
