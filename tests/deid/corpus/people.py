"""Fictitious patients and staff: names of many scripts, short ones and ones that are words too, ids and addresses."""

import random
import string
from dataclasses import dataclass, field
from datetime import date, timedelta

# (family, given, middle) that are nobody's vocabulary.
_DISTINCT = (
    "Quixley Zebulon Orrin",
    "Brandvold Thessaly Ingrun",
    "Oyelaran Babajide Temitope",
    "Kowalczuk Zdzislawa Bronia",
    "Vandersloot Marguerite Odette",
    "Szymkowiak Przemyslaw Jerzy",
    "O'Shaughnessey Caoimhin Padraig",
    "Featherstonhaugh Peregrine Lysander",
    "Ramanathapuram Sivakumar Venkat",
    "Garcia-Villalobos Encarnita Pilarita",
    "Haldorsson Sigurbjorn Gunnlaug",
    "Mbatha-Nkosi Nomvula Thandeka",
)
# Short names, and names that are words of radiology or of English too.
_SHORT = ("Li Weiqing", "Wu Xiaomei", "Ng Kaifeng", "Xu Yongqiu", "Oh Sunjae", "Ek Torbjorn")
_WORDS = (
    "Head Annelise",
    "Long Bertrand",
    "May Theodora",
    "Young Hezekiah",
    "Lung Meifang",
    "Hand Clotilde",
    "Stone Barnaby",
    "Short Ottoline",
    "Brown Leocadia",
    "White Ferdinand",
    "Sharp Rosamund",
    "Field Cornelius",
)
# charset of the object; PN as it is written; further parts that must go
_SCRIPTS = (
    (["", "ISO 2022 IR 87"], "Yamadera^Tarouji=山寺^太郎次=やまでら^たろうじ", ["山寺", "太郎次", "やまでら"]),
    (["", "ISO 2022 IR 149"], "Hongdae^Gildongi=洪臺^吉洞=홍대^길동이", ["洪臺", "吉洞", "길동이"]),
    (["GB18030"], "Wangfu^Xiaodong=王府^小东=", ["王府", "小东"]),
    (["ISO_IR 126"], "Διονυσόπουλος^Χαράλαμπος", ["Διονυσόπουλος", "Χαράλαμπος"]),
    (["ISO_IR 144"], "Люксембургский^Пётр", ["Люксембургский", "Пётр"]),
    (["ISO_IR 127"], "قباني^لنزار", ["قباني", "لنزار"]),
    (["ISO_IR 100"], "Müllenbröker^Jürgenß^Älva", ["Müllenbröker", "Jürgenß"]),
    (["ISO_IR 101"], "Wiśniewskałka^Łucjana", ["Wiśniewskałka", "Łucjana"]),
    (["ISO_IR 192"], "Ødegårdsen^Þórgunnur=小笠原^明菜=", ["Ødegårdsen", "Þórgunnur", "小笠原"]),
    (["ISO_IR 138"], "שרוןסקי^דבורהלה", ["שרוןסקי", "דבורהלה"]),
)
_STAFF = (
    "Abernathwaite^Cordelia Pfefferkorn^Ludolf Achterberg^Wilhelmina Dragomirescu^Silviu Etxeberria^Koldobika "
    "Thistlewood^Gwendolen Ioannidou^Kalliope Nakagawara^Shinobu Vishwanathan^Lalitha Montgomerie^Alasdair"
).split()
_HOSPITALS = (
    "Saint Ethelbert Infirmary",
    "Klinikum Wackersdorfheim",
    "Hopital Sainte-Radegonde",
    "Northmoor Valley Medical Center",
    "Ospedale Montefiorito",
    "Centro Medico Valdepinar",
)
_STREETS = ("Wimbleford Crescent", "Lindenthaler Gasse", "Petticoat Hollow Road", "Rue Mirabellier", "Old Quarry Drive")
_TOWNS = ("Eastleighton", "Bad Hellersdorf", "Grimsbyville", "Montreuillac", "Pinecrestown")


@dataclass(slots=True)
class Person:
    """One patient with all that identifies. `style` is distinct, short, word or script."""

    number: int
    style: str
    name: str  # as PN
    family: str
    given: str
    middle: str
    patient_id: str
    issuer: str
    birth: date
    charset: list[str]
    letters: list[str]  # further spellings, other scripts
    accession: str
    other_id: str
    phone: str
    email: str
    street: str
    town: str
    hospital: str
    station: str
    serial: str
    referrer: str
    operator: str
    study_day: date
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def distinctive(self) -> list[str]:
        """Tokens of at least 6 letters or digits that stand for nothing else: they may survive nowhere."""
        found = [self.given, self.middle, self.patient_id, self.accession, self.other_id, self.serial, self.street]
        found += [self.referrer.split("^")[0], self.operator.split("^")[0], self.email.split("@")[0], *self.letters]
        found += [] if self.style in ("word", "short") else [self.family]
        return [token for token in dict.fromkeys(found) if len(token) >= 6]


def make_people(rng: random.Random, count: int) -> list[Person]:
    """Different people, all styles in turn."""
    styles = ["distinct", "word", "script", "short"]
    pools: dict[str, list] = {
        "distinct": list(_DISTINCT),
        "word": list(_WORDS),
        "short": list(_SHORT),
        "script": list(_SCRIPTS),
    }
    for pool in pools.values():
        rng.shuffle(pool)
    return [_make(rng, number, styles[number % 4], pools) for number in range(count)]


def _make(rng: random.Random, number: int, style: str, pools: dict[str, list]) -> Person:
    letters: list[str] = []
    charset: list[str] = ["ISO_IR 100"] if rng.random() < 0.5 else ["ISO_IR 192"]
    pool = pools[style]
    chosen = pool[(number // 4) % len(pool)]
    if style == "script":
        charset, name, letters = chosen
        family, given = [*name.split("=")[0].split("^"), ""][:2]
        middle = ""
    else:
        family, given, middle = [*chosen.split(), "", ""][:3]
        name = f"{family}^{given}" + (f"^{middle}" if middle else "")
        name = name.upper() if rng.random() < 0.4 else name
    letter = rng.choice(string.ascii_uppercase)
    station_letters = "".join(rng.choice("BDGKQVWXZ") for _ in range(4))
    local = "xq" if style in ("word", "script") else "".join(filter(str.isalpha, family.lower()))[:9]
    return Person(
        number=number,
        style=style,
        name=name,
        family=family,
        given=given,
        middle=middle,
        patient_id=f"{letter}{station_letters[:2]}-{rng.randrange(10**6, 10**7)}",
        issuer=f"KIS{rng.randrange(100, 999)}",
        birth=date(1930, 1, 1) + timedelta(days=rng.randrange(25000)),
        charset=list(charset),
        letters=list(letters),
        accession=f"AC{rng.randrange(10**7, 10**8)}",
        other_id=f"OT{rng.randrange(10**6, 10**7)}X",
        phone=f"+49 {rng.randrange(200, 999)} {rng.randrange(10**6, 10**7)}",
        email=f"{local}.{station_letters.lower()}{rng.randrange(10, 99)}@mail.example",
        street=rng.choice(_STREETS),
        town=rng.choice(_TOWNS),
        hospital=rng.choice(_HOSPITALS),
        station=f"{station_letters}CT{rng.randrange(1, 9)}",
        serial=f"SN{rng.randrange(10**5, 10**6)}{letter}",
        referrer=rng.choice(_STAFF[:5]),
        operator=rng.choice(_STAFF[5:]),
        study_day=date(2012, 1, 1) + timedelta(days=rng.randrange(4300)),
    )
