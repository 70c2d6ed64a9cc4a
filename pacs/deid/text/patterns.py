"""Identity by its form alone: record numbers, phones, e-mails, addresses, persons after titles, old ages.

Each pattern has a form that no technical text takes; what only looks suspicious goes under full cleaning alone.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from pacs.deid.text import suspicions
from pacs.deid.text.folding import WORD, atoms, fold
from pacs.deid.text.person import TITLE
from pacs.deid.text.spans import Fate, Span, Strength
from pacs.deid.text.vocabulary import is_named_term, is_term, is_word, lists, may_be_person

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*")
_URL = re.compile(r"(?:\b(?:https?|ftp|file|dicom|ldap)://|\bwww\.)[^\s\"'<>|]+|\\\\[\w.-]+\\[^\s|]*")
_PLAIN_URL = re.compile(r"(?:https?://|www\.)[^@?&=]*")  # of a software, say: no query, no user
_HOST = re.compile(
    r"(?<![\w.@-])(?:[\w-]+\.)+(?:com|org|edu|net|gov|mil|local|lan|intern|internal|nhs|ac|co|de|uk|fr|it|es|nl|ch|at|be|se|dk|no"
    r"|fi|pl|cz|ca|au|nz|br|jp|cn|in|kr|eu|info|health)(?:\.[a-z]{2})?(?::\d+)?(?:/[^\s]*)?(?![\w.-])"
)
_PATH = re.compile(r"(?:[A-Za-z]:[\\/]|/(?:home|Users|users|mnt|media|data|var|tmp|export|usr|srv)/)[^\s\"'|]*")
_SSN = re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])")
_PHONE = re.compile(
    r"(?<![\w.])(?:\+\d{1,3}[ .-]?(?:\(0?\d{1,4}\)[ .-]?|\d{1,4}[ ./-]?)(?:\d{2,4}[ .-]?){1,4}\d{2,4}"
    r"|(?:1[ .-])?\(\d{3}\) ?\d{3}[ .-]?\d{4}|(?:1[.-])?\d{3}[.-]\d{3}[.-]\d{4}|1-8\d\d-[A-Z\d-]{7,9}"
    r"|(?:1[ ])?\d{3} \d{3}-\d{4}|0\d{2,4}[/-]\d{5,9}|\(0\d{1,4}\) ?\d{3,8}(?:[ -]\d{2,5})?)"
    r"(?:\s?(?:x|ext\.?)\s?\d{1,5})?(?![\w])",
)
_LABELLED = re.compile(
    r"(?i)(?<![^\W_])(?P<label>(?:medical\s+record|med\.?\s*rec\.?|hospital|patient|pat\.?|pt\.?|subject|accession|acc(?:n|ession)?"
    r"|case|order|visit|encounter|account|acct|episode|admission|requisition|referral|insurance|policy|medicare|medicaid|nhs"
    r"|social\s+security|passport|licen[cs]e|serial|s/?n|ssn|mrn|mrno|mr|npi|dea|dob|pid|hn|uhid|upi|chi|eid|tel(?:ephone)?|phone|ph"
    r"|mobile|cell|fax|pager|beeper|ext|room|rm|bed|badge|employee|user|login|barcode|kennung|fallnummer|patientennummer|id)"
    r"(?:\s*(?:id|no|nr|num|number|nummer|code|\#|ident\w*)\b\.?|\s*\#)*)"
    r"\s*(?P<mark>[:#=.\-/]*)\s*(?P<value>\+?[A-Za-z]{0,5}[-_]?(?:[\d][\w./()-]*(?: [\d(][\d().-]+){0,4}))"
)
# A label that alone says that a number follows is an id; the others want a mark (``Case: 123``) or a long number.
_SURE = re.compile(
    r"(?i)mrn|mrno|ssn|npi|uhid|social|medical|med\W?\s*rec|accession|acc|patient\s*(?:id|n|#)|pt\W?\s*(?:id|#)|pid"
    r"|tel|phone|fax|pager|acct|account|fallnummer|patientennummer"
)
_DATE_LIKE = re.compile(r"[-_]?(?:\d{4}([-/.])\d\d?\1\d\d?|\d\d?([-/.])\d\d?\2\d{4})(?:[T ].*)?")
_BIRTH = re.compile(
    r"(?i)(?<![^\W_])(?:d\.?\s?o\.?\s?b\b\.?|date\s+of\s+birth|birth\s*-?\s*date|birthday|birth|born(?:\s+on)?|geb(?:oren|urtsdatum|\.)?(?:\s+am)?"
    r"|n[ée]e?\s+le|nacid[oa]|nato|nata|date\s+de\s+naissance|fecha\s+de\s+nacimiento|geboortedatum|gebdat)[\s:=.\-#]*$"
)
_TITLE = re.compile(
    rf"(?<![^\W_])(?:M\.(?=\s[A-Z][\w'’-]{{2}})|(?:Pr|Hr|Fr)\b\.?(?!\w)|{TITLE})(?:\s*(?:Dr|med|Prof|rer|nat|habil|univ)\b\.?)*[\s]*(?:[A-Z]\.\s?)*"
)
_NAME_AFTER = re.compile(r"[^\W\d_][\w'’-]*")
_SURE_AFTER = re.compile(
    r"(?i)(?<![^\W_])(?:patient(?:'s)?\s*name|pt\s*name|name|attending(?:\s+(?:md|physician))?|technologist|tech|operator|radiologist"
    r"|referring(?:\s+(?:md|dr|physician))?|ref(?:erring)?\s*(?:md|dr|phys\w*)|physician|performed\s+by|read\s+by|dictated\s+by|signed\s+by"
    r"|reported\s+by|requested\s+by|ordered\s+by|reviewed\s+by|verified\s+by|approved\s+by|seen\s+by|scanned\s+by|attn|c/o|surgeon|nurse"
    r"|sonographer|fellow|resident|nom|nombre|cognome|nachname|vorname|mother|father|husband|wife|spouse|contact|caregiver)\s*[:=]\s*"
)
CARET = re.compile(r"[^\W\d_][\w'’.-]*\^(?:[^\W\d_][\w'’.-]*)?(?:\^[\w'’.]*)*")
_STREET = re.compile(
    r"(?<![\w.])\d{1,5}[a-zA-Z]?,?\s+(?:[NSEW]\.?\s+)?(?:[^\W\d_][\w'’.-]*\s+){1,3}?(?:Street|Avenue|Road|Boulevard|Blvd|Lane|Parkway|Pkwy|Highway|Hwy|Terrace"
    r"|St\.|St(?=,|$)|Ave\.?|Rd\.?|Square|STREET|AVENUE|ROAD|BOULEVARD|BLVD|LANE|PARKWAY|HIGHWAY|street|avenue|road|boulevard|lane)(?!\w)"
    r"(?:,?\s*(?:Apt|Suite|Ste|Unit|Floor|#)\.?\s*\w+)?"
    r"|[^\W\d_]{3,}(?:stra(?:ss|ß)e|str\.|weg|platz|allee|gasse|laan|straat|gatan)\s+\d{1,4}\s?[a-z]?(?!\w)"
    r"|(?:\d{1,4},?\s+)?(?i:rue|calle|via|viale|avenida|avenue|place|boulevard|piazza)\s+(?:(?i:de|del|della|du|des|la|le|les|di)\s+)*[A-Z][\w'’-]+(?:,?\s+\d{1,4})?"
    r"|(?i:p\.?\s?o\.?\s+box)\s+\d+"
)
_CITY_ZIP = re.compile(
    r"(?:[A-Z][\w'’.-]+(?:\s[A-Z][\w'’.-]+)?,\s*[A-Z]{2}\s+\d{5}(?:-\d{4})?|\b[A-Z]{2}\s+\d{5}-\d{4}|\b(?:D|A|CH|F|I|NL|B)-\d{4,5}\s+[A-Z][\w-]+)(?!\w)"
)
_OLD = r"(?<![\d.,-])(?P<n>9\d|1[0-4]\d)"
_AGE = re.compile(
    rf"(?i){_OLD}(?=\s*y\.?/?\s?o\b|[\s-]*(?:years?|yrs?\.?)[\s-]*old\b|\s*yrs?\b|\s+years?\b|-years?\b|y\b"
    r"|[\s-]*j(?:a|ä)hrig|\s*jahre?\b|\s+ans\b|\s+a(?:ñ|n)os\b)"
)
_AGE_AFTER = re.compile(r"(?i)(?<![^\W_])(?:aged?|alter)\s*[:=]?\s*(?P<n>9\d|1[0-4]\d)(?![\w]|[./-]\d)")
_AGE_STRING = re.compile(r"(?<![\w.])(?P<n>09\d|1[0-4]\d)(?=[Yy](?!\w))")
_ACCESSION_FORM = re.compile(r"(?<!\w)[A-Z]{1,3}\d{2}-\d{4,7}(?!\w)")
_DIGIT_GROUPS = re.compile(r"(?<![\w.])\d+(?:[-/ ]\d+)+(?![\w.]*\d)")
_SPACED_PHONE = re.compile(r"(?<![\d.])(?!512|256|320|384|640|768)[2-9]\d\d [2-9]\d\d \d{4}(?![\d.])")
_CITY_STATE = re.compile(
    r"(?:[^\W\d_][\w'’.-]*,?\s+)?\b(?:A[KLRZ]|C[AOT]|DE|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]"
    r"|T[NX]|UT|V[AT]|W[AIVY])\s+\d{5}(?:-\d{4})?(?![\w.])"
)
_INSTITUTION = re.compile(
    r"(?i)(?<![^\W_])(?:hospitals?|clinics?|infirmary|university|universit(?:é|e|y|ät|aet|at|a|à)|college|hospice|klinik(?:um|en)?"
    r"|krankenhaus|h[oô]pital|ospedale|medical\s+(?:cent(?:er|re)|group|associates|school)|health\s*(?:care|system|center|centre|network)"
    r"|imaging\s+(?:center|centre|associates)|radiology\s+(?:associates|group|partners)|cancer\s+(?:center|centre|institute)|institute)(?![^\W_])"
)
_PROPER = re.compile(r"(?:(?:^|(?<=[\s(,;/-]))[^\W\d_][\w'’.&-]*[\s,]+)$")
_OF = re.compile(r"\s+(?:of|de|di|at|zu)\s+(?:the\s+)?([^\W\d_][\w'’.-]*)")
_LOCAL_PHONE = re.compile(r"(?<![\w.-])\d{3}-\d{4}(?![\w.-])")
_HAS = re.compile(r"\d")


@lru_cache(maxsize=8192)
def find(text: str, strength: Strength) -> tuple[Span, ...]:
    """Spans that identify by their form. Pure, so remembered; what `text` is, is identified data."""
    full = strength is Strength.FULL
    out: list[Span] = []
    if "@" in text:
        out += (Span(*match.span(), "e-mail address") for match in _EMAIL.finditer(text) if _has_address(match.group()))
    if "/" in text or "." in text or "\\" in text:
        out += _addresses_of_hosts(text, full=full)
    if "^" in text:
        out += (
            Span(*match.span(), "written like a person's name")
            for match in CARET.finditer(text)
            if is_caret_name(match.group())
        )
    if _HAS.search(text):
        out += _numbers(text, full=full)
        out += ages(text)
        out += (Span(*match.span(), "postal address") for match in _STREET.finditer(text) if _is_street(match.group()))
        out += (Span(*match.span(), "postal address") for match in _CITY_ZIP.finditer(text))
        if full:
            out += (
                Span(*match.span(), "postal address", in_doubt=True)
                for match in _CITY_STATE.finditer(text)
                if _is_city(match)
            )
    out += _persons(text, full=full)
    if full:
        out += _institutions(text)
        out += suspicions.find(text)
    return tuple(out)


def _has_address(found: str) -> bool:
    return not found.startswith("git@") and any(letter.isalpha() for letter in found)


def _addresses_of_hosts(text: str, *, full: bool) -> Iterator[Span]:
    for match in _URL.finditer(text):
        if full or not _PLAIN_URL.fullmatch(match.group()):
            yield Span(*match.span(), "network address")
    for match in _PATH.finditer(text):
        if full or re.search(r"(?i)[\\/](?:home|users)[\\/]", match.group()):
            yield Span(*match.span(), "path of a file")
    for match in _HOST.finditer(text) if full else ():
        yield Span(*match.span(), "network address", in_doubt=True)


def is_caret_name(found: str) -> bool:
    """Whether ``A^B`` is a person's name, and no protocol such as ``Thorax^Routine``: no side is vocabulary."""
    sides = [side for part in found.split("^")[:3] if (side := WORD.findall(part))]
    known = [all(map(_is_known, side)) for side in sides]
    return len(sides) > 1 and (not any(known) or (not all(known) and len(sides) > 2 and len(sides[2][0]) == 1))


def _is_known(word: str) -> bool:
    pieces = [fold(piece) for piece in (word, *atoms(word))]
    return any(
        all(piece.isdigit() or len(piece) == 1 or (is_word(piece) and not _is_first_a_name(piece)) for piece in each)
        for each in (pieces[:1], pieces[1:])
    )


def _is_first_a_name(word: str) -> bool:
    return is_named_term(word) or (may_be_person(word) and not is_term(word))


def _numbers(text: str, *, full: bool) -> Iterator[Span]:
    for match in _SSN.finditer(text):
        yield Span(*match.span(), "social security number")
    for match in _PHONE.finditer(text):
        yield Span(*match.span(), "phone number")
    for match in _LABELLED.finditer(text):
        span = _labelled(match, full=full)
        if span is not None:
            yield span
    if full:
        for pattern in (_ACCESSION_FORM, _LOCAL_PHONE, _SPACED_PHONE):
            for match in pattern.finditer(text):
                yield Span(*match.span(), "looks like a number that is somebody's", in_doubt=True)
        for match in _DIGIT_GROUPS.finditer(text):
            if sum(map(str.isdigit, match.group())) > 8 and " " not in match.group():
                yield Span(*match.span(), "looks like a number that is somebody's", in_doubt=True)


def _labelled(match: re.Match[str], *, full: bool) -> Span | None:
    """A number after its label: ``MRN: 12345678``, ``Acc# A123``, ``Tel. 0221 4711``."""
    label, mark, value = fold(match["label"]), match["mark"], match["value"]
    digits = sum(map(str.isdigit, value))
    sure = _SURE.match(label) is not None
    marked = bool(mark.strip(".-/")) or "#" in label or re.search(r"\b(?:id|no|nr|number|nummer)\b", label) is not None
    if (
        label.split()[0].strip(".#")
        in (
            "mr",
            "id",
            "ph",
            "bed",
            "room",
            "rm",
            "ext",
            "exam",
            "case",
            "order",
            "subject",
            "hospital",
            "s/n",
            "sn",
            "chi",
            "hn",
            "eid",
        )
        and not marked
    ):
        return None
    least = 3 if (sure and full) else 4 if (sure or marked) and full else 5 if sure or marked else 6
    if digits < least or _is_measure(value) or _DATE_LIKE.fullmatch(value):
        return None
    return Span(match.start(), match.end("value"), "a number that is somebody's, by its label")


def _is_measure(value: str) -> bool:
    return re.fullmatch(r"\d+(?:\.\d+)?(?:[a-zA-Z]{1,3}|/\d+)?", value) is not None and not value.isdigit()


def ages(text: str) -> Iterator[Span]:
    """Ages over 89, which stand for few enough people to be identity. HIPAA 164.514(b)(2)(i)(C)."""
    for match in _AGE_STRING.finditer(text):
        yield Span(*match.span("n"), "age over 89", Fate.SWAP, extra="090")
    for pattern in (_AGE, _AGE_AFTER):
        for match in pattern.finditer(text):
            yield Span(*match.span("n"), "age over 89", Fate.SWAP, extra="90+")


def _is_street(found: str) -> bool:
    words = [word for word in WORD.findall(fold(found))[:-1] if word.isalpha()]
    return not words or not all(is_term(word) for word in words)


def _is_city(match: re.Match[str]) -> bool:
    words = WORD.findall(fold(match.group()))
    return len(words) > 2 and not words[0].isdigit() and not is_word(words[0])


def _institutions(text: str) -> Iterator[Span]:
    """Institutions that the object does not know: a proper name before or behind the word for what it is."""
    for match in _INSTITUTION.finditer(text):
        start, end, position = match.start(), match.end(), match.start()
        for _count in range(5):
            found = _PROPER.search(text, 0, position)
            if found is None:
                break
            words = [word for word in WORD.findall(fold(found.group())) if len(word) > 1]
            position = found.start()
            if words and all(map(_is_stranger, words)):
                start = position
            elif not all(word in lists().generic or word in ("st", "of", "and", "mt") for word in words):
                break
        behind = _OF.match(text, end)
        if behind is not None and _is_stranger(fold(behind[1])):
            end = behind.end()
        if (start, end) != match.span():
            yield Span(_with_saint(text, start), end, "looks like an institution", in_doubt=True)


def _with_saint(text: str, start: int) -> int:
    found = re.search(r"(?:\b(?:St|Saint|Mt|The)\.?\s+)$", text[:start])
    return start if found is None else found.start()


def _persons(text: str, *, full: bool) -> Iterator[Span]:
    """Who stands after a title or after what says that a person follows."""
    for match in _TITLE.finditer(text):
        end = _end_of_name(
            text, match.end(), after_title=True, shouted=text[match.start() : match.start() + 2].isupper()
        )
        if end > match.end():
            yield Span(match.start(), end, "a person after a title")
    if ":" in text or "=" in text:
        for match in _SURE_AFTER.finditer(text):
            end = _end_of_name(text, match.end(), after_title=False, shouted=True)
            if end > match.end():
                yield Span(match.start(), end, "a person after a label", in_doubt=not full)


def _end_of_name(text: str, position: int, *, after_title: bool, shouted: bool) -> int:
    """Where a name that begins at a place ends: words that are none of the vocabulary, or might be a person."""
    end = position
    for count in range(4):
        found = _NAME_AFTER.match(text, end + len(text[end:]) - len(text[end:].lstrip(" ,")) if count else end)
        if found is None:
            break
        word = fold(found.group())
        initial = len(word) == 1 and text[found.end() : found.end() + 1] in (".", "", " ", ",")
        first = count == 0 and after_title and not shouted and found.group()[0].isupper()
        if not (
            first
            or (initial and count)
            or _is_stranger(word)
            or (initial and text[found.end() : found.end() + 1] == ".")
        ):
            break
        end = found.end() + (1 if initial and text[found.end() : found.end() + 1] == "." else 0)
    return end


def _is_stranger(word: str) -> bool:
    parts = WORD.findall(word)
    return any((not is_word(part) or may_be_person(part)) and not is_term(part) for part in parts if len(part) > 1)


def ends_with_birth_label(text: str) -> int | None:
    """Where a label of a birth date begins that ends a text."""
    found = _BIRTH.search(text)
    return None if found is None else found.start()
