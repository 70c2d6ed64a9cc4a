"""Comments in codestreams that only name the program which wrote them. They identify nobody, so the bytes stay."""

import re

from pacs.dicom.elements import Buffer

_PROGRAM = re.compile(
    rb"(?:Created (?:by|with):? (?:GDCM/)?)?(?:OpenJPEG|JJ2000|OpenJPH|Kakadu|GIMP|LEAD Technologies Inc\.|Lavc|IJG)"
    rb"(?:,?[- ]?(?:version|Ver\.?|v|V|lib-v)?[ -]?\d{1,3}(?:\.\d{1,3}){0,3})?[. ]{0,2}"
)


def names_a_program(comment: Buffer) -> bool:
    """Whether the whole comment is the name and version of a well-known encoder."""
    return _PROGRAM.fullmatch(bytes(comment[:80]).rstrip(b"\0\n")) is not None and len(comment) <= 80
