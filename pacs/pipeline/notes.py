"""What was done to an object that a curator may want to know, without any value."""

import json
from collections import Counter

from pacs.pipeline.work import Work


def notes_of(work: Work) -> str:
    """JSON: how its pixels were judged, removed unknown private elements by creator, words removed in doubt by path.

    "" when there is nothing to tell. Creators that nobody has published are counted together, under "".
    """
    result = work.result
    assert result is not None
    doubts = Counter(doubt.path for doubt in result.doubts)
    content: dict[str, object] = dict(work.facts)
    if result.unknown_private:
        content["unknown private"] = dict(result.unknown_private)
    if doubts:
        content["words removed in doubt"] = dict(doubts)
    return json.dumps(content) if content else ""
