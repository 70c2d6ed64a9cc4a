"""The lines of the DIMSE contract, and the mark of tests that prove them.

Sections: 1 association, 2 verification, 3 storage, 4 query, 5 retrieve, 6 storage commitment, 7 peers; W: how
workstations behave.
"""

import pytest

LINES = {
    "1.1": "application context and protocol version",
    "1.2": "called and calling AE titles, permissions, hosts",
    "1.3": "association limits; idle ones need no worker",
    "1.4": "128 presentation contexts, each answered",
    "1.5": "transfer syntax out of those proposed",
    "1.6": "maximum PDU length both ways, PDV fragments",
    "1.7": "implementation class UID and version name",
    "1.8": "user information items, user identity",
    "1.9": "timers",
    "1.10": "garbage ends in A-ABORT, memory bounded",
    "1.11": "release, abort and close in mid-object",
    "1.12": "TLS",
    "2": "C-ECHO",
    "3.1": "storage SOP classes; private and unknown ones",
    "3.2": "transfer syntaxes of storage",
    "3.3": "status codes of C-STORE, comments",
    "3.4": "what must fail",
    "3.5": "what must be accepted",
    "3.6": "duplicates",
    "3.7": "several senders of one study",
    "3.8": "UIDs of request and index, the mapping kept",
    "3.9": "rate of small objects",
    "4.1": "query/retrieve level",
    "4.2": "hierarchy and relational queries",
    "4.3": "kinds of matching",
    "4.4": "names and texts",
    "4.5": "modalities in study",
    "4.6": "return keys of each level",
    "4.7": "what every row has, unknown keys",
    "4.8": "one row per entity, counters, result limit",
    "4.9": "C-CANCEL of a query",
    "4.10": "character sets",
    "5.1": "levels and UID lists of a retrieve",
    "5.2": "no retrieve without its unique keys",
    "5.3": "move destinations",
    "5.4": "sub-operations: titles, originator, contexts",
    "5.5": "counters and final status",
    "5.6": "failures do not stop the others",
    "5.7": "transcoding",
    "5.8": "unknown UID",
    "5.9": "nothing to send, no association",
    "5.10": "C-GET and role selection",
    "5.11": "only what is visible",
    "5.12": "C-CANCEL of a retrieve",
    "6": "storage commitment",
    "7": "real peers",
    "W1": "Horos, OsiriX: C-GET without role selection",
    "W2": "Horos: drops objects in a move",
    "W3": "Horos: lower levels without upper keys",
    "W4": "OsiriX: Study Root only",
    "W5": "Weasis: no character set in queries",
    "W6": "Weasis: several studies in one move",
    "W7": "Weasis: image by its UID alone",
    "W8": "Weasis: C-GET and WADO",
    "W9": "3D Slicer: error comments shown",
    "W10": "CTK: several modalities",
    "W11": "pynetdicom, findscu: final response bare",
    "W12": "pynetdicom: zero sub-operations",
    "W13": "pynetdicom: all sub-operations failed",
    "W14": "pynetdicom: one request at a time",
    "W15": "pynetdicom: no context accepted",
    "W16": "one syntax a context, several contexts a class",
    "W17": "large objects not in memory",
    "W18": "optional keys not supported: FF01H",
    "W19": "explicit errors for level and AE",
    "W20": "Modality at STUDY level, value lists",
    "W21": "modality lists as OR",
    "W22": "wildcards do not leak into answers",
    "W23": "move stops when its requester aborts",
    "W24": "time limit per sub-operation",
    "W25": "hierarchy of series and image requests",
    "W26": "text in UTF-8 with its label",
    "W27": "dcmjs-dimse: C-GET of uncompressed contexts",
    "W28": "commitment: same association, then a new one",
    "W29": "STUDY move without UID refused",
    "W30": "Aeskulap, MicroDicom: Implicit LE only",
}

NOT_YET = frozenset(LINES)
"""Lines that still wait for their test."""


def contract(*lines: str) -> pytest.MarkDecorator:
    """Says which lines a test proves; `docs/dimse-coverage.md` lists them."""
    unknown = [each for each in lines if each not in LINES]
    assert not unknown, f"no such line of the contract: {unknown}"
    return pytest.mark.contract(*lines)
