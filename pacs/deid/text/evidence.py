"""Evidence: what identifies in one object, and the cleaning of its texts by it. PS3.15 E.3.5."""

import unicodedata
from collections.abc import Callable, Collection, Iterator
from datetime import date
from functools import cached_property
from typing import NamedTuple

from pacs.deid.text import cleaning, patterns
from pacs.deid.text.encoding import encode_text
from pacs.deid.text.folding import WORD, fold
from pacs.deid.text.identity import facts_of, identity_of, levels, uid_spans
from pacs.deid.text.misread import is_misread_term
from pacs.deid.text.spans import Cleaned, Decision, Fate, Span, Strength
from pacs.dicom.dictionary import KEYWORD_OF
from pacs.dicom.elements import DataSet, Element
from pacs.dicom.values import SINGLE_VRS, Charset, text_of, values_of

# Versions of software and machines: a date in them is public, and shifted it would give the shift away.
_VERSIONS = frozenset(
    tag
    for tag, keyword in KEYWORD_OF.items()
    if keyword in ("SoftwareVersions", "ManufacturerModelName", "Manufacturer", "ManufacturerModelVersion")
    or keyword.endswith(("SoftwareVersion", "FirmwareVersion", "AlgorithmVersion", "SchemeVersion"))
)
_LONG = 2000
_MAX_RESULTS = 2048
_WHOLE_VRS = SINGLE_VRS | {"UN"}


class CleanedValue(NamedTuple):
    """A cleaned value. `needs_utf8`: the object's character set cannot hold it, so `value` is UTF-8."""

    value: bytes
    needs_utf8: bool
    decisions: tuple[Decision, ...]


class Evidence:
    """What identifies in one object, from its original at every depth; `clean` takes it out of a text.

    Parameters
    ----------
    data_set : DataSet
        The original, elements that will be deleted included. Not changed.
    map_uid : Callable
        The new UID for one that stands in a text.
    shift : Callable or None
        The new date for one that stands in a text, None for one that cannot be shifted and goes. Without it all go.
    names : Collection of str
        The collection's list: each a name or a phrase.
    words : Collection of str
        Words that the collection adds to the vocabulary.
    stays : Collection of int
        Tags of ids, places and machines that the profile keeps: their values are no evidence. Names always are.
    """

    def __init__(
        self,
        data_set: DataSet,
        map_uid: Callable[[str], str],
        shift: Callable[[date], date | None] | None = None,
        names: Collection[str] = (),
        words: Collection[str] = (),
        stays: Collection[int] = (),
    ) -> None:
        self.data_set = data_set
        self.map_uid = map_uid
        self.shift = shift
        self.identity = identity_of(facts_of(data_set).without(stays), tuple(names), tuple(words))

    def clean(self, text: str, strength: Strength, vr: str = "LO") -> Cleaned:
        """The text without what identifies, with a decision per token; the same text when nothing does.

        The values of a multi-valued VR, and component groups and components of a PN, are cleaned each by itself.
        """
        return self._clean(text, strength, vr, any_date=True)

    def clean_value(self, element: Element, charset: Charset, strength: Strength) -> CleanedValue | None:
        """The element's cleaned value in the object's character set; None when nothing in it changes."""
        text = text_of(element, charset)
        any_date = strength is Strength.FULL or element.tag not in _VERSIONS
        cleaned = self._clean(text, strength, element.vr, any_date=any_date)
        if cleaned.text == text:
            return None
        raw = encode_text(cleaned.text, charset)
        if raw is not None:
            return CleanedValue(raw, False, cleaned.decisions)
        return CleanedValue(cleaned.text.encode(), True, cleaned.decisions)

    def identifies(self, text: str) -> bool:
        """Whether something in a text that was read from an image says who it is.

        Single odd letters do not, nor do terms that were misread by a letter (``CTDlvol`` for CTDIvol).
        """
        return any(
            not decision.kept
            and (not decision.in_doubt or (_is_telling(decision.token) and not is_misread_term(decision.token)))
            for decision in self.clean(text, Strength.FULL, "UT").decisions
        )

    def _clean(self, text: str, strength: Strength, vr: str, *, any_date: bool) -> Cleaned:
        if not text or text.isspace():
            return Cleaned(text, ())
        if len(text) > _LONG:
            parts = [self._clean(part, strength, vr, any_date=any_date) for part in _pieces(text)]
            return Cleaned("".join(part.text for part in parts), tuple(d for part in parts for d in part.decisions))
        if vr in _WHOLE_VRS or "\\" not in text:
            return self._clean_one(text, strength, vr, any_date=any_date)
        parts = [self._clean_one(part, strength, vr, any_date=any_date) for part in text.split("\\")]
        return Cleaned("\\".join(part.text for part in parts), tuple(d for part in parts for d in part.decisions))

    def _clean_one(self, text: str, strength: Strength, vr: str, *, any_date: bool) -> Cleaned:
        """One value. What does not depend on this object's shift and UIDs is remembered with the identity."""
        results = self.identity.results
        key = (text, strength, vr, any_date)
        known = results.get(key)
        if known is not None:
            return known
        composed = text if text.isascii() else unicodedata.normalize("NFC", text)
        if vr == "PN":
            return self._clean_name(composed, strength)
        spans = self.identity.analyse(composed, strength, vr, any_date=any_date)
        uids = list(uid_spans(composed)) if composed.count(".") > 1 else []
        if uids:
            more = [span for span in uids if composed[span.start : span.end] in self.uids]
            spans = cleaning.settle([*spans, *more]) if more else spans
        kept: list[cleaning.Token] = []
        if strength is Strength.FULL:
            doubts, kept = cleaning.doubts(composed, spans, self.identity.added)
            spans = cleaning.settle([*spans, *doubts]) if doubts else spans
        out = self._composed(composed, spans, strength, vr) if spans else text
        cleaned = Cleaned(out, cleaning.decisions(composed, spans, kept))
        if not uids and all(span.fate in (Fate.CUT, Fate.SWAP) for span in spans):
            if len(results) >= _MAX_RESULTS:
                results.clear()
            results[key] = cleaned
        return cleaned

    def _composed(self, text: str, spans: list[Span], strength: Strength, vr: str) -> str:
        """The text without what is cut. What only now stands beside each other, or free, is looked at once more."""
        out = cleaning.compose(text, spans, self.shift, self.map_uid)
        if out and any(span.fate is Fate.CUT or span.fate is Fate.DATE for span in spans):
            more = cleaning.settle([*self.identity.own_spans(out, strength, vr), *patterns.ages(out)])
            out = cleaning.compose(out, more, self.shift, self.map_uid)
        return out

    def _clean_name(self, text: str, strength: Strength) -> Cleaned:
        """A PN value: components that name somebody go, the carets between others stay."""
        decided: list[Decision] = []
        groups = []
        for group in text.split("="):
            components = []
            for component in group.split("^"):
                spans = cleaning.settle(list(self.identity.own_spans(component, strength, "PN")))
                decided += cleaning.decisions(component, spans, [])
                components.append(
                    cleaning.compose(component, spans, None, self.map_uid).strip() if spans else component
                )
            if not any(WORD.findall(fold(component)) for component in components[:3]):
                components = []  # a prefix without a name says nothing
            groups.append("^".join(components).rstrip("^"))
        out = "=".join(groups).rstrip("=")
        return Cleaned(out if decided else text, tuple(decided))

    @cached_property
    def uids(self) -> set[str]:
        """All UIDs of the object; asked for only when a short one stands in a text."""
        return {
            uid
            for level, _charset in levels(self.data_set)
            for element in level.values()
            if element.vr == "UI"
            for uid in values_of(element)
        }


def _pieces(text: str) -> Iterator[str]:
    """A long text cut at line ends, else at blanks, so that its cleaning takes time in proportion."""
    position = 0
    while len(text) - position > _LONG:
        end = position + _LONG
        cut = max(text.rfind("\n", position, end), text.rfind("\r", position, end)) + 1
        if cut <= position + _LONG // 2:
            cut = text.rfind(" ", position, end) + 1 or end
        cut = cut if cut > position else end
        yield text[position:cut]
        position = cut
    yield text[position:]


def _is_telling(token: str) -> bool:
    letters = sum(letter.isalpha() for letter in token)
    return letters >= 3 or sum(letter.isdigit() for letter in token) >= 6 or (letters >= 1 and not token.isascii())
