"""Reading Accept headers as clients really write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs.dicom.syntaxes import EXPLICIT_LE
from pacs.dicomweb.accept import Wanted, choose_frames, parse_accept, takes_json, wanted
from pacs.dicomweb.picture_parameters import picture_parameters
from pacs.dicomweb.pictures import choose_kind
from pacs.errors import BadRequest, NotAcceptable
from tests.wire.contract import contract

OHIF = "application/dicom+json, multipart/related; type=application/octet-stream; transfer-syntax=*"


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


@contract("web 10.1", "web 10.3")
def test_takes_what_viewers_send_for_json():
    assert takes_json(wanted(None, OHIF))
    assert takes_json(wanted(None, "application/dicom+json, application/json"))
    assert not takes_json(wanted(None, 'multipart/related; type="application/dicom"'))


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
