"""The pixel stage: after the elements were cleaned, before the second reader."""

from dataclasses import replace
from functools import cached_property, lru_cache

from pacs.deid.marks import add_codes
from pacs.deid.pixels import PixelOutcome, PixelPolicy, clean_pixels
from pacs.deid.pixels.pixel_script import pixel_script
from pacs.deid.pixels.signatures import Signature, built_in
from pacs.deid.text import Evidence
from pacs.dicom.elements import DataSet
from pacs.dicom.fileformat import file_start
from pacs.dicom.syntaxes import encoding_of
from pacs.dicom.writing import encode
from pacs.leakcheck.pixels import check_pixels
from pacs.model import Hold, Keep, Outcome, Quarantine
from pacs.pipeline.work import Work

CLEAN_PIXEL_DATA = ("113101", "Clean Pixel Data Option")
MOST_FRAMES = 3  # of one object, that the second reader looks at


class _LazyEvidence:
    """Evidence that is gathered when the first text was read: most images show none."""

    def __init__(self, work: Work) -> None:
        self.work = work

    @cached_property
    def evidence(self) -> Evidence:
        """What identifies in the original; dates in pixels always go, so there is no shift."""
        context = self.work.context
        return Evidence(self.work.original, lambda uid: uid, None, context.names, context.words)

    def identifies(self, text: str) -> bool:
        """See `pacs.deid.pixels.Evidence`."""
        return self.evidence.identifies(text)


def clean_pixels_stage(work: Work) -> Outcome:
    """Find and blank text in pixels, and take metadata out of codestreams, as the collection's policy says."""
    assert work.result is not None
    policy = PixelPolicy(
        mode=work.policy("pixels"),
        paper=work.profile.settings.scanned_paper,
        signatures=_signatures(work.profile.pixel_scripts, exact=work.profile.strict is None),
        scratch=work.scratch,
    )
    evidence = _LazyEvidence(work)
    outcome = clean_pixels(work.original, work.result.data_set, work.transfer_syntax_uid, evidence, policy)
    work.facts = {**work.facts, **pixel_facts(outcome)}
    work.pixels = outcome
    if outcome.quarantine:
        return Quarantine(outcome.quarantine)
    if outcome.found:
        return Hold("Text that may identify was read in its pixels, and the collection only detects it.")
    if outcome.data_set is not work.result.data_set:
        _take(work, outcome)
    return _read_again(work, outcome.frames[:MOST_FRAMES]) if outcome.frames else Keep()


@lru_cache(maxsize=8)
def _signatures(scripts: tuple[tuple[str, str], ...], *, exact: bool) -> tuple[Signature, ...]:
    """The site's signatures, then the program's own."""
    return (*(each for name, text in scripts for each in pixel_script(text, name, exact=exact)), *built_in())


def _read_again(work: Work, frames: tuple[int, ...]) -> Outcome:
    """The second reader for pixels, over frames that had text."""
    assert work.result is not None
    findings = check_pixels(work.original, work.result.data_set, work.transfer_syntax_uid, frames)
    if not findings:
        return Keep()
    kinds = ", ".join(sorted({finding.detail for finding in findings}))
    return Hold(f"The second reader read identifying text in the pixels of the result ({kinds}).", findings)


def pixel_facts(outcome: PixelOutcome) -> dict[str, str]:
    """What a report says of an object's pixels: the way that was taken, and the regions; never a text."""
    facts = {"pixels": outcome.path}
    if outcome.stripped:
        facts["pixel metadata"] = "removed"
    if outcome.regions:
        facts["pixel regions"] = "; ".join(
            f"{region.left},{region.top},{region.width},{region.height} {region.reason}" for region in outcome.regions
        )
    return facts


def _take(work: Work, outcome: PixelOutcome) -> None:
    """Make the cleaned data set the result, and write its pieces anew."""
    assert work.result is not None
    data_set = outcome.data_set
    options = work.result.options
    if outcome.cleaned and not outcome.unmarked:
        data_set = DataSet(data_set)
        add_codes(data_set, (CLEAN_PIXEL_DATA,))
        options |= {"clean_pixel_data"}
    work.result = result = replace(work.result, data_set=data_set, options=options)
    source = encoding_of(work.transfer_syntax_uid)
    work.transfer_syntax_uid = outcome.transfer_syntax_uid
    start = file_start(result.sop_class_uid, result.sop_uid, work.transfer_syntax_uid)
    work.pieces = (start, *encode(data_set, source, encoding_of(work.transfer_syntax_uid)))
