"""Descriptions with identity in them. ``<...>`` is identity and must go; every other telling word must stay."""

import random
import re
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta

from tests.deid.corpus.people import Person
from tests.deid.corpus.phrases import BESIDE, DISTINCT_BESIDE, RESEARCH, UNKNOWN
from tests.deid.corpus.planted import Planted

# What a surname that is a word means where it is no name: this text must stay whole.
ANATOMY = {
    "Head": "CT HEAD WITHOUT CONTRAST",
    "Long": "LONG AXIS CINE 4CH",
    "May": "Motion artifact may limit evaluation",
    "Young": "normal brain of young adult",
    "Lung": "LUNG 1.0 Br64 AXIAL",
    "Hand": "XR HAND PA AND OBLIQUE",
    "Stone": "CT KIDNEY STONE PROTOCOL",
    "Short": "SHORT AXIS STACK T2",
    "Brown": "Brown adipose tissue FDG uptake",
    "White": "White matter lesions FLAIR",
    "Sharp": "Sharp kernel reconstruction",
    "Field": "B0 field map 3T",
}
# <F> family, <G> given, <I> initial, <ID> <ACC> <PH> <EM> <ST> <TOWN> <HOSP>, <REF> staff, <dob:format> birth date,
# <d:format> another date (is shifted in its format). ASCII only, so that every character set can hold it.
FULL = (
    "CT CHEST W/CONTRAST for <F>^<G> <dob:DOB %Y-%m-%d>",
    "MR BRAIN W/O T1 AX FLAIR - <F>, <G>",
    "PET/CT FDG skull base to mid thigh, MRN <ID>",
    "XR KNEE AP AND LATERAL, ref Dr. <REF>",
    "Compared with prior CT of <d:%d.%m.%Y>, stable pulmonary nodule",
    "MRI lumbar spine sagittal T2 TSE <d:%Y-%m-%d>",
    "Follow-up <d:%m/%d/%Y> liver lesion segment IV",
    "Call <PH> with results of thyroid ultrasound",
    "DTI b=1000 64 directions <EM>",
    "Mammography CC MLO left breast acc <ACC>",
    "Omnipaque 350 100 ml IV, Dr <REF>",
    "Hodgkin lymphoma staging, <G> <F>",
    "Parkinson disease, dopamine transporter SPECT; <F>, <G>",
    "Gadovist 7.5 ml; <F>^<G>",
    "THORAX ROUTINE 1.0 B31f <ID>",
    "ADC map b=800 prostate PI-RADS 4, Mr. <F>",
    "CTA CORONARY ARTERIES CALCIUM SCORE <F> <G>",
    "Whole body bone scan Tc-99m MDP pt <G> <F>",
    "US ABDOMEN COMPLETE <F>,<G> <ID>",
    "Crohn disease small bowel enterography Mrs <F>",
    "s/p right hepatectomy, <dob:born %d %B %Y>",
    "portal venous phase 5mm <HOSP>",
    "Lives at <ST>, <TOWN>; chronic cough, smoker",
    "AX T2 FS BLADE 3.0 <ACC>",
    "DYNAMIC CONTRAST ENHANCED PERFUSION <FG>",
)
DISTINCT_ONLY = (
    "MRA CIRCLE OF WILLIS TOF <I>. <F>",
    "CT SINUSES CORONAL BONE <F>",
    "t1_mprage_sag_p2_iso <F>_<G>",
    "Cardiac MR T2* mapping <F> study",
    "Contrast reaction? <FG> hives",
)
WORD_ONLY = (
    "<anatomy> for <F>^<G>",
    "<anatomy> - Dr. <F>",
    "<anatomy> <F>, <G>",
    "<G> <F>: <anatomy>",
)
KNOWN = ("{kept} <F>", "{kept} <G>", "{kept} <ID>", "<F> {kept}", "{kept} <F> <G>")
_INDIFFERENT = frozenset(
    "for pt ref mrn acc acc# of on by at the with dr mr mrs ms call lives born dob a and to study results seen in tel "
    "ssn e-mail performed vs called or no x is".split()
)
_FIELD = re.compile(r"<(\w+)(?::([^>]*))?>")
_WORD = re.compile(r"[^\s,;:?^]+")


@dataclass(frozen=True, slots=True)
class Text:
    """A filled template: what to write, which words must stay (how often), what must go, which dates are shifted."""

    text: str
    kept: list[list[str | int]]
    removed: list[list[str | int]]
    dates: list[list[str]]  # [as written, format, ISO date]


def choose(rng: random.Random, person: Person) -> str:
    """A template that suits the person: a name that is a word too stands where it is clearly the person's."""
    own = {"word": WORD_ONLY, "distinct": DISTINCT_ONLY}.get(person.style, ())
    if rng.random() < 0.6:
        beside = (*BESIDE, *DISTINCT_BESIDE) if person.style == "distinct" else BESIDE
        return rng.choice(beside).replace("{}", rng.choice(RESEARCH))
    return rng.choice((*FULL, *own, *own, *own))


def fill(template: str, person: Person, rng: random.Random) -> Text:
    """Fill a template for a person."""
    template = template.replace("<anatomy>", ANATOMY.get(person.family, "CT CHEST"))
    upper = rng.random() < 0.5
    if person.style == "script":
        upper = False
    removed: list[str] = []
    dates: list[list[str]] = []

    def value_of(match: re.Match[str]) -> str:
        name, layout = match.groups()
        if name == "d":
            day = person.study_day - timedelta(days=rng.randrange(20, 300))
            if "/" in layout and day.day <= 12:  # else nobody knows which number is the month
                day = day.replace(day=day.day + 13)
            written = day.strftime(layout)
            dates.append([written, layout, day.isoformat()])
            removed.append(written)
            return written
        if name == "dob":
            written = person.birth.strftime(layout)
            removed.extend([written.partition(" ")[2], written.partition(" ")[0]])
            return written
        written = rng.choice(UNKNOWN) if name == "UNKNOWN" else _own(person, name)
        written = written.upper() if upper else written
        removed.extend(written.split()[-1:] if name == "UNKNOWN" else written.split() if name == "HOSP" else [written])
        return written

    text = _FIELD.sub(value_of, template)
    outside = [word.strip(".-()_[]#/") for word in _WORD.findall(_FIELD.sub(" ", template))]
    words = [word for word in outside if word.lower() not in _INDIFFERENT and re.search(r"[A-Za-z0-9]", word)]
    common = {
        "saint",
        "center",
        "medical",
        "hopital",
        "centro",
        "medico",
        "klinikum",
        "ospedale",
        "infirmary",
        "valley",
    }
    tokens = [token for token in dict.fromkeys(removed) if token and token.lower() not in common]
    folded = Counter(word.lower() for word in words)
    return Text(
        text,
        [[word, count] for word, count in Counter(words).items()],
        [[token, folded[token.lower()]] for token in tokens],
        dates,
    )


def _own(person: Person, name: str) -> str:
    family = person.family or person.given
    values = {
        "F": family,
        "G": person.given or family,
        "I": person.given[:1],
        "FG": f"{family}{person.given}",
        "ID": person.patient_id,
        "ACC": person.accession,
        "PH": person.phone,
        "EM": person.email,
        "ST": person.street,
        "TOWN": person.town,
        "HOSP": person.hospital,
        "REF": person.referrer.split("^")[0],
        "OPERATOR": person.operator.split("^")[0],
        "SERIAL": person.serial,
        "SSN": f"{person.number + 123}-45-6{person.number + 111}",
    }
    return values[name]


def plant(obj: Planted, path: str, text: Text) -> str:
    """Expect of the element at `path` what the text promises; returns what to write."""
    if text.kept:
        obj.expect("text_retained", path, text.kept)
    if text.removed:
        obj.expect("text_removed", path, text.removed)
    for written, layout, day in text.dates:
        obj.expect("date_shifted", path, {"written": written, "format": layout, "day": day})
    return text.text


def day_of(person: Person, days: int = 0) -> date:
    """A date of the person's study, some days later."""
    return person.study_day + timedelta(days=days)
