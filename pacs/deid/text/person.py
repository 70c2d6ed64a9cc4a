"""Names of people as evidence: every part, order and spelling that one PN value may take in a text. PS3.5 6.2.1.

A part of at least four letters that is no term of radiology goes wherever it stands. A part that is a term
(``Head``), or is short (``Li``), goes beside another part of the same name and after a title.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import permutations
from typing import NamedTuple

from pacs.deid.text.folding import CJK, UNSPACED, WORD, atoms, fold, has_unspaced
from pacs.deid.text.vocabulary import is_term, is_word, keeps_eponym, lists, may_be_person

MIN_LETTERS, MIN_CJK = 4, 2
_MAX_PARTS = 6
_SIGNED = 3  # initials of who signs with them
# Titles and suffixes, never a name. PS3.5 6.2.1.2.
TITLES = frozenset(
    "dr dres md mds phd jr sr ii iii iv esq mr mrs ms miss prof professor doctor rt rtr tech technician technologist "
    "rn np pa do dds dvm frcr msc bsc ba bs dipl ing med herr frau mme mlle sir madame monsieur senor senora nurse "
    "physician radiologist".split()
)
_NOBODY = frozenset(
    "unknown unbekannt none test tester testing phantom nobody noname null nil patient dummy undefined unspecified "
    "sample example demo volunteer subject doe operator user admin na no name not available given specified".split()
)
_NOBODY_STARTS = ("anonym", "anonim", "deident", "removed", "redacted")
_UMLAUTS = (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("å", "aa"), ("ø", "oe"), ("æ", "ae"), ("ß", "ss"))
_INFLECTED = re.compile(r"[\u0370-\u04ff\u0530-\u05ff\u0600-\u06ff]")
_LOOKALIKES = tuple(str.maketrans("034578" + "1", "oeastb" + one) for one in "il")
_ENDING = 3  # letters that a case may add or change at the end of a Greek or Cyrillic name
_MIN_WITHIN = 6
# After these the next word is a person. Those that are modalities too (DR, MR, MS) count only as a title is written.
TITLE = (
    r"(?:(?:Drs?|Mr|Ms|Mrs|Prof)\b\.?|(?:DR|MR|MS|dr|mr)\."
    r"|(?i:(?:mrs|miss|prof|professor|doctor|herr|frau|mme|mlle|madame|monsieur|señora?|senora?|dott|dra)\b\.?))"
)
_SURE_TITLE = re.compile(rf"(?<![^\W_]){TITLE}\s*$")
# After these a word that is a name too is the name, in small letters as well.
_LEADING = frozenset("for by patient pt name mr mrs ms dr attn from tech operator nurse".split())
_NAMING = frozenset("patient pt name".split())  # the same for one that is a term, in the middle of a text
_NO_INITIALS = frozenset("lraphfsi")  # sides and directions, as they stand beside anatomy


def is_nobody(plain: str) -> bool:
    """Whether a folded value stands for nobody: every word of it does, or it begins like ANONYMOUS."""
    cores = [core for word in WORD.findall(plain) if (core := word.strip("0123456789"))]
    if not cores:
        return not plain.strip("0 .-_*?^=")
    return all(core in _NOBODY or core.startswith(_NOBODY_STARTS) or not core.strip("x") for core in cores)


@dataclass(slots=True)
class People:
    """The names of an object's people, folded."""

    words: set[str] = field(default_factory=set)  # go wherever they stand
    partners: dict[str, set[str]] = field(default_factory=dict)  # part -> the other parts of its names
    guarded: set[str] = field(default_factory=set)  # parts that are terms or short: go beside a partner only
    wary: set[str] = field(default_factory=set)  # parts that are everyday words too: go unless written as such
    long: list[str] = field(default_factory=list)  # of `words`: go within longer words too
    unspaced: set[str] = field(default_factory=set)  # go anywhere within text that has no blanks
    stems: set[str] = field(default_factory=set)  # of scripts whose languages inflect names
    every: set[str] = field(default_factory=set)  # all parts, as they go within a PN

    def learn(self, value: str) -> None:
        """Add one PN value, or a name as people type it (``Smith, John``)."""
        plain = fold(value)
        if is_nobody(plain):
            return
        parts: list[str] = []
        for raw in dict.fromkeys((value, *_respelled(value))):
            for group in fold(raw).split("="):
                components = group.split("^")[:3]
                parts += self.learn_group(components)
                self.learn_initials([component[:1] for component in components])
        self.pair(list(dict.fromkeys(parts)))

    def learn_initials(self, letters: list[str]) -> None:
        """Three initials of one name, as staff sign with them; they go under full cleaning, unless they are a word."""
        family, *given = letters
        for initials in ("".join(letters), "".join((*given, family))) if len(letters) == _SIGNED else ():
            if len(initials) == _SIGNED and initials.isalpha() and not is_word(initials):
                self.guarded.add(initials)
                self.partners.setdefault(initials, set())

    def learn_group(self, components: list[str]) -> list[str]:
        """One component group; its parts that are no titles."""
        parts: list[str] = []
        whole = "".join("".join(WORD.findall(component)) for component in components)
        if UNSPACED.search(whole) and len(whole) >= MIN_CJK:
            self.unspaced.add(whole)
        for component in components:
            found = [w for w in WORD.findall(component) if w not in TITLES and not is_nobody(w)]
            joined = "".join(found)
            if len(found) > 1 and len(joined) > MIN_LETTERS and not is_word(joined) and not has_unspaced(joined):
                found = [*found, joined]  # O'Brien, Garcia-Lopez, van der Berg
            parts += found
        return parts

    def pair(self, parts: list[str]) -> None:
        """Sort the parts of one name, and join them as user names and hurried typists do."""
        parts = parts[: _MAX_PARTS * 2]
        for part in parts:
            if has_unspaced(part):
                if len(part) >= MIN_CJK:
                    self.unspaced.add(part)
                continue
            self.every.add(part)
            self.partners.setdefault(part, set()).update(other for other in parts if other != part)
            if sum(map(str.isalpha, part)) < MIN_LETTERS or is_term(part.strip("0123456789")):
                self.guarded.add(part)
                continue
            if (is_word(part) and may_be_person(part)) or part in lists().eponyms:
                self.wary.add(part)
                self.words |= set() if is_word(f"{part}s") else {f"{part}s"}
                continue
            self.words |= {part} if is_word(f"{part}s") else {part, f"{part}s"}
            if _INFLECTED.search(part) and len(part) > MIN_LETTERS:
                self.stems.add(part[: max(MIN_LETTERS, len(part) - 1)])
        spaced = [part for part in parts if not has_unspaced(part)][:_MAX_PARTS]
        for one, other in permutations(spaced, 2):
            self.words |= {joined for joined in _joined(one, other) if not is_word(joined)}
        self.long = sorted(word for word in self.words if len(word) >= _MIN_WITHIN)

    def spans(self, text: str, plain: str, *, full: bool, within_pn: bool) -> Iterator[tuple[int, int]]:
        """Places of names in a folded text. `text` is the same text with its case, when letters stand alike."""
        found = list(WORD.finditer(plain))
        texts = [match.group() for match in found]
        seen = set(texts)
        if self.partners.keys() & seen or self.words & seen:
            line = _Line(text if len(text) == len(plain) else plain, plain, found, texts)
            for index, match in enumerate(found):
                if self.is_name(line, index, within_pn=within_pn) or (full and self.is_short(texts[index])):
                    yield match.span()
                    yield from self.initials(texts, index, plain, found)
        if len(text) == len(plain):
            yield from self.glued(text, found)
        if any(name in plain for name in self.long):
            for match in found:
                yield from self.within(match)
        if not plain.isascii():
            yield from self.foreign(plain, found)

    def within(self, match: re.Match[str]) -> Iterator[tuple[int, int]]:
        """A word that holds a name of six letters or more; of one in two scripts, the part that does."""
        position = match.start()
        for piece in atoms(match.group()) if has_unspaced(match.group()) else (match.group(),):
            if not is_term(piece) and any(name in piece for name in self.long):
                yield position, position + len(piece)
            position += len(piece)

    def is_short(self, word: str) -> bool:
        """A part too short to be looked for, unless every unknown word goes."""
        return 1 < len(word) < MIN_LETTERS and word in self.guarded and not is_term(word)

    def is_name(self, line: "_Line", index: int, *, within_pn: bool) -> bool:
        word = line.words[index]
        if word in self.words or (within_pn and word in self.every):
            return True
        others = self.partners.get(word)
        if others is None:
            return False
        if word in self.wary and not line.is_plain_word(index):
            return True
        if not others.isdisjoint(_neighbours(line.words, index)) or line.is_initialled(index, others):
            return True
        return len(word) >= MIN_LETTERS and line.is_led_to(index)

    def initials(
        self, texts: list[str], index: int, plain: str, found: list[re.Match[str]]
    ) -> Iterator[tuple[int, int]]:
        """Single letters beside a name that begin another part of it; a side such as L only when it has a dot."""
        others = self.partners.get(texts[index], ())
        for place in (index - 1, index + 1):
            if 0 <= place < len(texts) and len(letter := texts[place]) == 1 and any(o[0] == letter for o in others):
                start, end = found[place].span()
                around = plain[max(0, start - 1) : start], plain[end : end + 1]
                dotted = around[1] in (".", "^") and around[1]
                if dotted or (letter not in _NO_INITIALS and set(around) <= {" ", ",", "^", "_", ""}):
                    yield found[place].start(), found[place].end() + (plain[found[place].end() :][:1] == ".")

    def glued(self, text: str, found: list[re.Match[str]]) -> Iterator[tuple[int, int]]:
        """A name glued to other words by case or digits: ``SmithChest``, ``smith2``."""
        for match in found:
            word = text[match.start() : match.end()]
            if len(word) <= MIN_LETTERS or (word.isascii() and word.islower() and word.isalpha()):
                continue
            pieces = atoms(word)
            if len(pieces) > 1 and self.is_lookalike(fold(word)):
                yield match.span()
            elif len(pieces) > 1:
                position = match.start()
                for piece in pieces:
                    if fold(piece) in self.words | self.wary and len(piece) >= MIN_LETTERS:
                        yield position, position + len(piece)
                    position += len(piece)

    def is_lookalike(self, word: str) -> bool:
        """Whether a word is a name once digits are read as the letters that they look like: ``sm1th``."""
        if sum(map(str.isalpha, word)) < MIN_LETTERS - 1 or word.isalpha():
            return False
        return any(word.translate(table) in self.words | self.wary for table in _LOOKALIKES)

    def foreign(self, plain: str, found: list[re.Match[str]]) -> Iterator[tuple[int, int]]:
        for name in self.unspaced:
            start = plain.find(name)
            while start >= 0:
                yield start, start + len(name)
                start = plain.find(name, start + len(name))
        for match in found if self.stems else ():
            word = match.group()
            if any(word.startswith(stem) and len(word) - len(stem) <= _ENDING for stem in self.stems):
                yield match.span()


class _Line(NamedTuple):
    """A text, folded too, and its words."""

    text: str
    plain: str
    found: list[re.Match[str]]
    words: list[str]

    def is_plain_word(self, index: int) -> bool:
        """Whether a word that is a name too is the word here: in small letters among others, or in its phrase."""
        match = self.found[index]
        if self.is_after_title(index):
            return False
        possessive = self.words[index + 1 : index + 2] == ["s"]
        behind = index + 2 if possessive else index + 1
        before, after = self.words[max(0, index - 1) : index], self.words[behind : behind + 1]
        small = self.text[match.start() : match.end()].islower() and not self.text.islower()
        if small and not possessive and not _LEADING.intersection(before) and self.is_among_words(index):
            return True
        return keeps_eponym(self.words[index], tuple(before), tuple(after))

    def is_among_words(self, index: int) -> bool:
        """Whether a word in small letters stands beside this one, with nothing but a blank between."""
        for place in (index - 1, index):
            if place >= 0 and place + 1 < len(self.found):
                one, other = self.found[place], self.found[place + 1]
                beside = other if place == index else one
                written = self.text[beside.start() : beside.end()]
                if self.text[one.end() : other.start()] == " " and written.isalpha() and written.islower():
                    return True
        return False

    def is_led_to(self, index: int) -> bool:
        """Whether a term stands as a person's name does: ``patient LONG``, ``Gray's scan``, ``... for SILVER``."""
        match = self.found[index]
        if self.text[match.start() : match.end()].islower():
            return False
        before, after = self.words[max(0, index - 1) : index], self.words[index + 1 : index + 3]
        if after[:1] == ["s"] and self.plain[match.end() : match.end() + 1] in ("'", "’"):
            return not keeps_eponym(self.words[index], tuple(before), tuple(after[1:]))
        ends = not after or self.plain[match.end() : match.end() + 1] in ":;,)/|"
        return (ends and bool(_LEADING.intersection(before))) or bool(_NAMING.intersection(before))

    def is_after_title(self, index: int) -> bool:
        start = self.found[index].start()
        return _SURE_TITLE.search(self.text[max(0, start - 16) : start]) is not None

    def is_initialled(self, index: int, others: set[str]) -> bool:
        """Whether an initial of the same name stands beside it as one (``Hand, B.`` but not ``HAND L``), or a title."""
        for place in (index - 1, index + 1):
            if 0 <= place < len(self.words) and len(letter := self.words[place]) == 1 and letter.isalpha():
                end = self.found[place].end()
                dotted = self.plain[end : end + 1] == "."
                if (dotted or letter not in _NO_INITIALS) and any(other.startswith(letter) for other in others):
                    return True
        return self.is_after_title(index)


def _respelled(value: str) -> Iterator[str]:
    """A name as it is typed without umlauts, and the other way round (folding makes ä and a alike)."""
    lower = value.lower()
    if not value.isascii():
        out = lower
        for letter, typed in _UMLAUTS:
            out = out.replace(letter, typed)
        if out != lower:
            yield out
    elif re.search("[aou]e", lower):
        yield re.sub("([aou])e", r"\1", lower)


def _joined(one: str, other: str) -> Iterator[str]:
    """Two parts written as one word: whole, or one as its initial."""
    if min(len(one), len(other)) >= 2 and len(one) + len(other) > MIN_LETTERS:
        yield one + other
    if len(one) >= MIN_LETTERS and other[:1].isalpha():
        yield one + other[0]
        yield other[0] + one


def _neighbours(texts: list[str], index: int) -> Iterator[str]:
    """The words beside one, titles and single letters passed over."""
    for step in (-1, 1):
        place = index + step
        while 0 <= place < len(texts):
            yield texts[place]
            if texts[place] not in TITLES and len(texts[place]) > 1:
                break
            place += step


__all__ = ["CJK", "MIN_CJK", "TITLES", "People", "is_nobody"]
