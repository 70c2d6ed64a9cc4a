"""Reading Accept headers as clients really write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs.dicom.syntaxes import EXPLICIT_LE
from pacs.dicomweb.accept import Stored, Wanted, choose_frames, choose_instance, parse_accept, wanted
from pacs.dicomweb.picture_parameters import picture_parameters
from pacs.dicomweb.pictures import choose_kind
from pacs.errors import BadRequest, NotAcceptable
from tests.wire.contract import contract


@contract("web 5.1")
@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("", []),
        ("*/*", [Wanted("*/*", multipart=False)]),
        (
            'multipart/related; type="application/octet-stream"; transfer-syntax="*"',
            [Wanted("application/octet-stream", multipart=True, syntaxes=("*",))],
        ),
        (
            "Multipart/Related;TYPE=image/jls;Transfer-Syntax=1.2;boundary=x;transfer-syntax=1.3",
            [Wanted("image/jls", multipart=True, syntaxes=("1.2", "1.3"))],
        ),
        (
            "application/dicom;q=0.2, image/*;q=0.9 , text/html;q=0",
            [Wanted("image/*", multipart=False), Wanted("application/dicom", multipart=False)],
        ),
        ('multipart/related; type="a/b"; x="quoted, \\" comma"', [Wanted("a/b", multipart=True)]),
        ("multipart/related", [Wanted("*/*", multipart=True)]),
    ],
)
def test_reads_media_ranges(header, found):
    assert wanted(None, header) == found


@contract("web 5.2")
def test_query_parameter_wins():
    assert wanted("application/dicom", "image/png")[0] == Wanted("application/dicom", multipart=False)


@contract("web 5.1")
@pytest.mark.parametrize(
    "header", ["a b", "a/b c", 'a/b;x="', "a/b;q=high", "a/b;q=nan", "a/b;q=1e999", "a/b;q=-1", ";"]
)
def test_nonsense_is_refused(header):
    with pytest.raises(BadRequest):
        parse_accept(header)


@contract("web 5.6")
@pytest.mark.parametrize(
    ("header", "stored", "media", "syntax"),
    [
        ("image/jpeg", "1.2.840.10008.1.2.4.50", "image/jpeg", "1.2.840.10008.1.2.4.50"),
        ("multipart/related; type=image/jp2", "1.2.840.10008.1.2.4.90", "image/jp2", "1.2.840.10008.1.2.4.90"),
        ("multipart/related; type=application/octet-stream", "1.2.840.10008.1.2.4.90", None, "1.2.840.10008.1.2.1"),
        (
            'multipart/related; type="application/octet-stream"; transfer-syntax=*',
            "1.2.840.10008.1.2",
            None,
            "1.2.840.10008.1.2.1",
        ),
        ("image/jpeg", "1.2.840.10008.1.2.1", "image/jpeg", "1.2.840.10008.1.2.4.70"),
        ("image/*;transfer-syntax=*", "1.2.840.10008.1.2", "image/jpeg", "1.2.840.10008.1.2.4.70"),
        ("multipart/related; type=image/jls", "1.2.840.10008.1.2.4.90", "image/jls", "1.2.840.10008.1.2.4.80"),
        ("multipart/related; type=image/x-jls", "1.2.840.10008.1.2.1", "image/jls", "1.2.840.10008.1.2.4.80"),
        ("image/x-dicom-rle", "1.2.840.10008.1.2.5", "image/dicom-rle", "1.2.840.10008.1.2.5"),
        ("multipart/related", "1.2.840.10008.1.2.4.50", "image/jpeg", "1.2.840.10008.1.2.4.50"),
        ("application/*", "1.2.840.10008.1.2.4.50", None, "1.2.840.10008.1.2.1"),
        ('multipart/related; type="application/*"; transfer-syntax=*', "1.2.840.10008.1.2.4.90", None, EXPLICIT_LE),
        ("video/mp4", "1.2.840.10008.1.2.4.102", "video/mp4", "1.2.840.10008.1.2.4.102"),
    ],
)
def test_frames_go_in_the_type_asked_for(header, stored, media, syntax):
    _, kind, chosen = choose_frames(wanted(None, header), stored, single=True)
    assert (kind, chosen) == (media or "application/octet-stream", syntax)


@contract("web 5.6")
def test_frames_of_another_compression_are_not_acceptable():
    with pytest.raises(NotAcceptable):
        choose_frames(wanted(None, "multipart/related; type=image/jpx"), "1.2.840.10008.1.2.4.90", single=True)


@contract("web 5.1")
@pytest.mark.parametrize(
    "header",
    [
        'multipart/related; type="application/octet-stream"; transfer-syntax="*"',
        "multipart/related;transfer-syntax=*;type=application/octet-stream",
        "MULTIPART/Related ; Type=Application/Octet-Stream ; Transfer-Syntax=*; boundary=xyz; q=1.0",
        'multipart/related; q=0.9; charset=utf-8; type="application/octet-stream"; transfer-syntax=*',
    ],
)
def test_parameters_stand_in_any_order_and_case(header):
    assert wanted(None, header) == [Wanted("application/octet-stream", multipart=True, syntaxes=("*",))]


_WORDS = st.sampled_from(
    ["multipart/related", "image/*", "*/*", ";", ",", "=", '"', "type", "q", "0.5", " ", "\\", "x"]
)


@contract("web 5.1")
@given(st.lists(_WORDS, max_size=24).map("".join))
def test_any_header_is_read_or_refused(header):
    try:
        found = wanted(None, header)
    except (BadRequest, NotAcceptable):
        return
    assert all("/" in each.type or each.type for each in found)


@contract("web 6.3", "web 6.4")
@given(
    st.dictionaries(
        st.sampled_from(["viewport", "window", "quality", "annotation", "iccprofile"]), st.text(max_size=40)
    )
)
def test_any_parameters_of_pictures_are_read_or_refused(values):
    try:
        found = picture_parameters(values, thumbnail=False)
    except BadRequest:
        return
    assert found.look.viewport is None or found.look.viewport.width <= 32767


@contract("web 5.1", "web 5.2")
def test_plus_in_an_address_is_meant():
    found = wanted('multipart/related; type="application/dicom xml", application/dicom json', None)
    assert found == [Wanted("application/dicom+xml", multipart=True), Wanted("application/dicom+json", multipart=False)]


@contract("web 5.2")
@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("image/jpeg;q=0, image/*", "image/png"),
        ("*/*;q=0.5, image/jpeg; q=0.0, image/png;q=0", "image/gif"),
        ("image/jpeg;q=0, image/jpeg", "image/jpeg"),
        ("image/*;q=0, */*", None),
        ("image/jpeg;q=0.2, image/png;q=0.4, image/*;q=0.9", "image/gif"),
        ("image/jpeg;q=0.2, */*;q=0.1", "image/jpeg"),
        ('multipart/related; type="image/jpeg";q=0, image/*', "image/jpeg"),
    ],
)
def test_refused_types_leave_wildcards(header, kind):
    kinds = ("image/jpeg", "image/png", "image/gif")
    if kind is None:
        with pytest.raises(NotAcceptable):
            choose_kind(wanted(None, header), kinds, single=True)
    else:
        assert choose_kind(wanted(None, header), kinds, single=True)[0] == kind


_PARTS = 'multipart/related; type="application/dicom"'
_NO_PARTS = f"{_PARTS};q=0"


@contract("web 5.2")
@pytest.mark.parametrize(
    ("header", "single", "way"),
    [
        (f"{_NO_PARTS}, */*", True, ("application/dicom", False)),
        (f"{_NO_PARTS}, */*", False, ("application/zip", False)),
        (f"{_NO_PARTS}, */*, application/zip;q=0", False, None),
        ("multipart/related;q=0, */*", True, ("application/dicom", False)),
        ("multipart/*;q=0, application/*", False, ("application/zip", False)),
        ('multipart/related;q=0.5; type="application/*", */*', True, ("application/dicom", False)),
        ("application/dicom;q=0, */*", True, ("application/dicom", True)),
        ("application/*;q=0, */*", True, ("application/dicom", True)),
        ("application/zip;q=0, */*", False, ("application/dicom", True)),
        (f"{_NO_PARTS}, application/dicom", False, None),
        ("image/*", True, None),
        ("application/*", True, ("application/dicom", False)),
        ("application/*", False, ("application/dicom", True)),
        ("*/*;q=0, application/*", False, ("application/zip", False)),
        ("multipart/*, multipart/related;q=0", True, None),
        ("multipart/related, multipart/*;q=0", True, ("application/dicom", True)),
        (f"application/dicom, application/dicom;transfer-syntax={EXPLICIT_LE};q=0", True, None),
        (f"*/*, {_PARTS};transfer-syntax={EXPLICIT_LE};q=0", True, ("application/dicom", False)),
        (f"*/*, {_PARTS};transfer-syntax=1.2.840.10008.1.2.4.81;q=0", False, ("application/dicom", True)),
    ],
)
def test_refused_forms_of_instances_are_never_sent(header, single, way):
    if way is None:
        with pytest.raises(NotAcceptable):
            choose_instance(wanted(None, header), [Stored(EXPLICIT_LE)], single=single)
    else:
        found, _syntaxes = choose_instance(wanted(None, header), [Stored(EXPLICIT_LE)], single=single)
        assert (found.type, found.multipart) == way


@contract("web 5.2", "web 5.6")
@pytest.mark.parametrize(
    ("header", "single", "way"),
    [
        ('multipart/related; type="application/octet-stream";q=0, */*', True, ("application/octet-stream", False)),
        ('multipart/related; type="application/octet-stream";q=0, */*', False, ("image/jpeg", True)),
        ('multipart/related; type="image/*";q=0, multipart/related;q=0.5', False, ("application/octet-stream", True)),
        ("application/octet-stream;q=0, */*", True, ("application/octet-stream", True)),
        ("application/octet-stream;q=0, application/*", True, None),
        ("multipart/related;q=0, */*", True, ("application/octet-stream", False)),
        ("multipart/related;q=0, */*", False, None),
    ],
)
def test_refused_forms_of_frames_are_never_sent(header, single, way):
    if way is None:
        with pytest.raises(NotAcceptable):
            choose_frames(wanted(None, header), EXPLICIT_LE, single=single)
    else:
        found, media, _syntax = choose_frames(wanted(None, header), EXPLICIT_LE, single=single)
        assert (media, found.multipart) == way


_KINDS = ("application/dicom", "application/octet-stream", "image/jpeg", "application/*", "image/*", "*/*")
_ELEMENTS = st.tuples(st.sampled_from(_KINDS), st.booleans(), st.sampled_from(("0", "0.3", "0.7", "1")))


def _weight(elements: list[tuple[str, bool, str]], kind: str, multipart: bool) -> float:
    """By RFC 9110 12.5.1: that of the most specific element; only ``*/*`` holds multipart too."""
    group = kind.partition("/")[0]
    for some in (kind, f"{group}/*", "*/*"):
        found = [float(weight) for each, parts, weight in elements if each == some and parts == multipart]
        if found:
            return max(found)
    anything = [float(weight) for each, parts, weight in elements if each == "*/*" and not parts]
    return max(anything, default=0.0)


@contract("web 5.2")
@given(st.lists(_ELEMENTS, min_size=1, max_size=5), st.booleans())
def test_what_is_sent_was_never_refused(elements, single):
    header = ", ".join(
        f'multipart/related; type="{kind}"; q={weight}' if parts else f"{kind}; q={weight}"
        for kind, parts, weight in elements
    )
    try:
        found, media, _syntax = choose_frames(wanted(None, header), EXPLICIT_LE, single=single)
    except NotAcceptable:
        octets, jpeg = "application/octet-stream", "image/jpeg"
        ways = (True, False) if single else (True,)
        assert not any(_weight(elements, kind, way) for kind in (octets, jpeg) for way in ways)
    else:
        assert _weight(elements, media, found.multipart) > 0
