"""The second reader for pixels: what identifies in the original, searched in the text of the outgoing pixels.

It reads by itself, in other pictures than the cleaner did (contrast turned around), and shares no decision with it. It
knows the object's own values alone, compares them so that a misread letter does not hide one, and never wants more.
"""

from collections.abc import Callable, Iterable

from pacs.dicom.elements import DataSet
from pacs.errors import NotAcceptable
from pacs.leakcheck.identity import Identity, identity_of
from pacs.leakcheck.vocabulary import fold, words
from pacs.model import Finding
from pacs.pixels import ocr
from pacs.pixels.image import image_of
from pacs.pixels.ocr import Reader
from pacs.pixels.picture import pictures

RULE = "text in pixels"
_PATH = "7FE00010"
_LARGE = 1280  # pixels of a side
_MIN_FUZZY = 6  # shorter names must be read letter by letter
# Letters and digits that are often read for each other.
_ALIKE = str.maketrans({"0": "o", "1": "l", "i": "l", "|": "l", "5": "s", "8": "b", "2": "z", "6": "g", "q": "g"})


def check_pixels(
    original: DataSet,
    result: DataSet,
    transfer_syntax_uid: str,
    frames: Iterable[int] = (0,),
    reader: Callable[[], Reader] = ocr.reader,
) -> tuple[Finding, ...]:
    """What of an original can be read in the pixels of its result; empty when nothing can.

    `frames` are those to read, counted from 0: those that had text. Pixels that cannot be decoded have no finding: the
    cleaner has judged them.
    """
    image = image_of(result, transfer_syntax_uid)
    if image is None:
        return ()
    texts: list[str] = []
    try:
        for number in frames:
            if number < image.count:
                seen = pictures(image, number)
                seen = seen[-1:] if max(seen[0].shape) > _LARGE else seen  # a radiograph costs seconds a picture
                texts += [line.text for picture in seen for line in reader().read(255 - picture)]
    except NotAcceptable:
        return ()
    return judge(identity_of(original), texts)


def judge(identity: Identity, texts: Iterable[str]) -> tuple[Finding, ...]:
    """Findings for texts that were read in pixels."""
    found: dict[str, Finding] = {}
    for text in texts:
        for detail in _kinds(identity, text):
            found[detail] = Finding(_PATH, RULE, detail)
    return tuple(found.values())


def _kinds(identity: Identity, text: str) -> Iterable[str]:
    folded = fold(text)
    read = words(folded)
    joined = "".join(read)
    if any(_same(name, word) for name in identity.names for word in (*read, joined)):
        yield "name"
    if any(part in folded for part in identity.cjk_names):
        yield "name"
    if any(other in read for name, others in identity.common_names.items() if name in read for other in others):
        yield "name that is a word too"
    if any(_plain(wanted) in _plain(joined) for wanted in identity.ids):
        yield "id"
    if any(
        day in joined or day[6:] + day[4:6] + day[:4] in joined or day[4:] + day[:4] in joined for day in identity.dates
    ):
        yield "date"
    if any(phrase in " ".join(folded.split()) for phrase in identity.phrases):
        yield "institution"


def _plain(text: str) -> str:
    return "".join(words(text)).translate(_ALIKE)


def _same(wanted: str, read: str) -> bool:
    """Whether a word is a name, but for letters that look alike, or one letter of a long name."""
    if wanted == read or (len(wanted) >= 4 and wanted.translate(_ALIKE) == read.translate(_ALIKE)):
        return True
    return len(wanted) >= _MIN_FUZZY and abs(len(wanted) - len(read)) <= 1 and _one_apart(wanted, read)


def _one_apart(first: str, second: str) -> bool:
    """Whether one letter at most was changed, left out or put in."""
    shorter, longer = sorted((first, second), key=len)
    start = next((at for at, letter in enumerate(shorter) if letter != longer[at]), len(shorter))
    if len(shorter) == len(longer):
        return shorter[start + 1 :] == longer[start + 1 :]
    return shorter[start:] == longer[start + 1 :]
