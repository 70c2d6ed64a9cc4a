"""What a profile settles besides rules for elements."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

CHOICES: Mapping[str, tuple[str, ...]] = {
    "pixels": ("quarantine", "clean", "detect"),
    "faces": ("flag", "hold", "ignore"),
    "documents": ("quarantine", "blank"),
    "scanned_paper": ("quarantine", "clean"),
    "ctp_block": ("no", "yes"),
    "ctp": ("safe", "strict"),
}


@dataclass(frozen=True, slots=True)
class ProfileSettings:
    """Choices of a profile; a collection may choose otherwise for `pixels`, `faces` and `documents`.

    `pixels`: what happens to an object whose pixels may carry text: it is quarantined, read and cleaned, or only read
    and quarantined when text that identifies is found. `faces`: a head series with a face is flagged, held, or nothing
    is looked for. `documents`: an encapsulated PDF, CDA or model cannot be cleaned safely: quarantined, or replaced by
    a blank one. `scanned_paper`: scanned documents (Conversion Type SD). `ctp_block`: write the private block
    (0013,xx10) that TCIA's tools read. `ctp`: a CTP script of the profile is one of its sources, or all there is.
    """

    pixels: str = "quarantine"
    faces: str = "flag"
    documents: str = "quarantine"
    scanned_paper: str = "quarantine"
    ctp_block: str = "no"
    ctp: str = "safe"

    def as_dict(self) -> dict[str, str]:
        """All choices by name."""
        return asdict(self)


NAMES = tuple(field.name for field in fields(ProfileSettings))
