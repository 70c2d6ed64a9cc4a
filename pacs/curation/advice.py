"""What a site can do about objects that are not published, by the reason that their receipt gives."""

import re

from pacs.model import State

_ROW = "Give the collection's curator the missing row of the table; what waits goes on by itself."
_CURATOR = "A curator looks at it and decides; the site need do nothing."
# The first pattern that a reason has. Reasons are written by the pipeline and the index.
_BY_REASON = (
    (r"Waiting for mapping", _ROW),
    (r"second reader|Text that may identify", _CURATOR),
    (r"cannot be read", "The file is damaged or cut off: send it again from where it came from."),
    (r"UID is (missing|no valid)", "Mend the UID where the object was made, then send it again."),
    (r"encapsulated document|scanned paper", "Leave documents out; where the trial needs one, ask the curator."),
    (
        r"is in the collection already",
        "Another object came under the same SOP Instance UID: ask the curator which counts.",
    ),
    (r"SOP class", "The archive keeps this kind of object out: ask its operator."),
    (
        r"cannot be checked",
        "Its pixels cannot be decoded: send it in another transfer syntax, uncompressed if you can.",
    ),
    (r"slide's label|burned into", "The collection takes no such images: leave them out."),
    (r"could not be blanked", "Text in its pixels could not be removed for certain: ask the curator."),
    (r"was removed", "It was removed from the collection before; ask the curator if it should come back."),
    (r"DICOMDIR", "Nothing: a DICOMDIR is only an index of other files."),
    (r"discarded from the quarantine", "Nothing: a curator gave it up. Ask them if you did not expect it."),
)
_BY_STATE = {
    State.HELD.value: _CURATOR,
    State.QUARANTINED.value: "Tell the collection's curator the number of the submission; they can look at it.",
    State.DROPPED.value: "Nothing, unless you did not expect it: then ask the collection's curator.",
}


def advice_for(state: str, reason: str) -> str:
    """A sentence for the site; empty for states that need none."""
    if state not in _BY_STATE:
        return ""
    for pattern, advice in _BY_REASON:
        if re.search(pattern, reason):
            return advice
    return _BY_STATE[state]
