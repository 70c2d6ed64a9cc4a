"""What a removed word leaves behind: its label, the word that led to it, titles, punctuation."""

import re

from pacs.deid.text.spans import Fate, Span

_LABELS = (
    r"d\.?\s?o\.?\s?b\.?|date\s+of\s+birth|birth\s*date|birthday|born(?:\s+on)?|mrn|mrno|medical\s+record|med\.?\s*rec\.?"
    r"|(?:patient|pat|(?-i:pt|Pt)|pt(?=\s*[:=#.])|subject)(?:'s)?(?:\s+(?:name|id|no|number))?|name|accession|acc|acc(?:n|ession)?\s*(?:no|number)|ssn|id|tel|telephone|phone|mobile|cell|fax|pager|e-?mail"
    r"|address|addr|ref(?:erring|erred)?(?:\s*(?:md|dr|phys(?:ician)?))?|attending|physician|radiologist|technologist|tech"
    r"|operator|(?:performed|read|dictated|signed|reported|requested|ordered|reviewed|verified|approved|scanned|referred)\s+by(?=\s*[:=])"
    r"|(?-i:Drs?|Mr|Ms)|(?:dr|mr|ms)\.|mrs|miss|prof|professor|doctor|herr|frau|mme|attn|c/o|s/n|serial(?:\s+(?:no|number))?|exam\s*date"
    r"|study\s*date|scan\s*date|date|dated|age|aged|case|hospital|nurse|md|sonographer|fellow|resident"
    r"|host(?:name)?|(?:for|from|to|by)\s+the\s+(?:patient|physician|doctor)|(?:no|nr|number)"
)
_CONNECTIVES = (
    r"for|by|of|from|to|at|on|in|per|via|with|and|und|et|y|or|re|the|an|de|du|von|van|für|pour|par|para|por|att|c\.o\."
    r"|aka|alias|née|nee|w/|c/"
)
_LEADS = re.compile(rf"(?i)(?<![^\W_])(?:(?:{_LABELS}|{_CONNECTIVES})[\s:#.=,^&@(\[-]*|[a-z]['’])$")
_AFTER = re.compile(
    r"['’]s?\b|[\s,^.]*(?:M\.?D\.?|Ph\.?D\.?|D\.O\.|Jr|JR|Sr|II|III|RT\(R\)|RTR|MBBS|FRCR|FRCPC|DVM|DDS|Esq)\b\.?|,\s*(?:RT|PA|NP|RN|MS|BS|DO|MPH)\b\.?"
)
_INITIALS = re.compile(r"(?<!\w)(?:[A-Z]\.\s*)+$")
_INITIALS_AFTER = re.compile(r",?\s*(?:[A-Z]\.\s?){1,3}(?![\w])")
_ONLY_MARKS = re.compile(r"(?i)[\W_]*(?:(?:and|or|&|und|et)\b[\W_]*)?")
_SEPARATORS = " \t^=,;:/|&+#_-"
_REACH = 48


def widen(text: str, spans: list[Span]) -> list[Span]:
    """Cuts take what leads to them and what only explained them; cuts with nothing but marks between become one."""
    out: list[Span] = []
    floor = 0
    for span in spans:
        if span.fate is not Fate.CUT:
            out.append(span)
            floor = span.end
            continue
        start, end = _lead(text, floor, span.start), _tail(text, span)
        if ("person" in span.reason or span.in_doubt) and (initials := _INITIALS.search(text[floor:start])) is not None:
            start = floor + initials.start()
        previous = out[-1] if out else None
        if previous is not None and previous.fate is Fate.CUT and start <= previous.end:
            start = previous.end
        out.append(span._replace(start=start, end=max(end, start)))
        floor = out[-1].end
    return out


def _lead(text: str, floor: int, start: int) -> int:
    while True:
        found = _LEADS.search(text[max(floor, start - _REACH) : start])
        if found is None:
            return start
        start = max(floor, start - _REACH) + found.start()


def _tail(text: str, span: Span) -> int:
    end = span.end
    if span.fate is Fate.CUT and ("person" in span.reason or "name" in span.reason or span.in_doubt):
        found = _AFTER.match(text, end)
        while found is not None and found.end() > end:
            end = found.end()
            found = _AFTER.match(text, end)
        initials = _INITIALS_AFTER.match(text, end)
        end = end if initials is None else initials.end()
    return end


def joint(left: str, right: str, *, at_start: bool, at_end: bool) -> tuple[str, str, str]:
    """What is written where something was cut: left text, what joins, right text, marks around the cut settled.

    `left` and `right` are the whole text on either side up to the next cut.
    """
    kept_left = left.rstrip(_SEPARATORS + "\"'")
    kept_right = right.lstrip(_SEPARATORS + "\"'")
    marks_left, marks_right = left[len(kept_left) :], right[: len(right) - len(kept_right)]
    while kept_left[-1:] in ("(", "[", "{", "<") and kept_left and kept_right[:1] in (")", "]", "}", ">"):
        inner, outer = kept_left[:-1], kept_right[1:]
        kept_left, kept_right = inner.rstrip(_SEPARATORS), outer.lstrip(_SEPARATORS)
        marks_left = inner[len(kept_left) :]
        marks_right = outer[: len(outer) - len(kept_right)]
    if at_start and not kept_left.strip():
        return kept_left, "", kept_right.lstrip(". \t") if kept_right.strip(". \t\r\n)") else ""
    if not kept_right.strip(" \t.") and (at_end or kept_right[:1] not in ("\n", "\r")):
        return _unopened(kept_left), "", kept_right.strip() if kept_left[-1:] != "." else ""
    if kept_left[-1:] in ("\n", "\r") or kept_right[:1] in ("\n", "\r", ".", ")", "]", "}"):
        return kept_left, "", kept_right
    if kept_left[-1:] in ("(", "[", "{"):
        return kept_left, "", kept_right
    return kept_left, _joining(marks_left, marks_right), kept_right


def _unopened(text: str) -> str:
    """Without a bracket that was opened at the very end."""
    while text and text[-1] in "([{<":
        text = text[:-1].rstrip(_SEPARATORS)
    return text


def _joining(left: str, right: str) -> str:
    if left.strip(" \t") and left.strip() == right.strip():
        return left if " " in left else right
    if " " in left or " " in right or "\t" in left + right or not left + right:
        return " "
    return (left or right)[:1]
