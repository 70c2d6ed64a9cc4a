"""``python -m tests.fuzz.seeds FOLDER [dimse|web|pictures|store|ctp]`` writes inputs to begin with."""

import io
import sys
import zipfile
from pathlib import Path

import orjson

from pacs.dicom.fileformat import read_start
from pacs.dicom.native_xml import native_xml
from pacs.dicom.syntaxes import EXPLICIT_LE, IMPLICIT_LE
from pacs.dimse.messages import encode_command, pdus
from tests.builders import CT, ct_bytes
from tests.wire.peers import STUDY_ROOT, VERIFICATION, associate_rq, identifier

ECHO: dict[int, int | str] = {2: VERIFICATION, 0x0100: 0x30, 0x0110: 1, 0x0800: 0x0101}
RELEASE = bytes.fromhex("05000000000400000000")


def web_seeds() -> list[bytes]:
    """In the order of the web target's table."""
    query = b"\0limit=5&PatientName=A*%5E&StudyDate=20200101-&includefield=00081030%2CKVP&fuzzymatching=true"
    values = [b"\0\1m*ller^a?na", b"\1\2%20200101-20210101\\20220101", b"\2\0101500.5-1016", b'\3\3""', b"\4\0CT,MR"]
    document = native_xml(orjson.loads(_JSON))
    asked = [
        b"\0@/frames/1\n\nAccept: multipart/related; type=image/*; transfer-syntax=*\nRange: bytes=0-9",
        b'\0@/rendered\nviewport=9,9&window=1,2,linear&quality=3\nIf-None-Match: W/"1", *\nAccept-Encoding: gzip',
        b"\0wado/A\nrequestType=WADO&studyUID=1&seriesUID=2&objectUID=3&contentType=image/png\nCookie: pacs_session=1",
        b"\0dicom-web/studies\nlimit=1\nForwarded: host=a;proto=https\nX-Forwarded-Prefix: /a\nOrigin: null\nHost: a:1",
        b"\2dicom-web/studies/1.2\n\nContent-Type: multipart/related; boundary=b\nAuthorization: Basic YQ\n\n--b",
        b"\2login\n\nContent-Type: application/x-www-form-urlencoded\n\ntoken=1&next=/%0d",
        b"\5@/bulkdata/7FE00010\n\nAccess-Control-Request-Method: DELETE",
    ]
    found = [b"\0" + query, *(b"\1" + each for each in values), b"\2" + document]
    return found + [b"\3" + each for each in asked]


_JSON = (
    b'{"00100010":{"vr":"PN","Value":[{"Alphabetic":"A^B","Phonetic":"C"}]},"00280010":{"vr":"US","Value":[5]},'
    b'"00400275":{"vr":"SQ","Value":[{"00400009":{"vr":"SH","Value":["S"]}}]},"7FE00010":{"vr":"OW","BulkDataURI":"b"},'
    b'"00660016":{"vr":"OF","InlineBinary":"AAAAAA=="}}'
)


def store_seeds() -> list[bytes]:
    """In the order of the target of storing."""
    head = b"--b\r\nContent-Type: application/dicom+json\r\n\r\n"
    object_json = _JSON[:-1] + b',"00080016":{"vr":"UI","Value":["1.2"]},"00080018":{"vr":"UI","Value":["1.2.3"]}}'
    bulk = b"\r\n--b\r\nContent-Type: image/jpeg\r\nContent-Location: b\r\n\r\n\xff\xd8\xff\xd9\r\n--b--"
    found = [
        b"x\r\n--b\r\nContent-Type: application/dicom\r\n\r\n" + ct_bytes() + b"\r\n--b--\r\n",
        head + object_json + bulk,
        native_xml(orjson.loads(object_json)),
        b'multipart/related; type="application/dicom"; boundary="b"',
        b"b\n--b\r\nA: b\r\n\r\nxyz\r\n--b  \r\n\r\n\r\n--b--",
        b"\x01" + object_json + b"\0\0\xff\xd8\xff\xc3\0\x0b\x08\0\1\0\1\1\1\x11\0\xff\xd9",
    ]
    return [bytes([number]) + each for number, each in enumerate(found)]


def picture_seeds() -> list[bytes]:
    """In the order of the target of pictures."""
    found = [
        b'multipart/related; type="image/jls"; transfer-syntax=*;q=0.5, */*',
        b"\x02image/png;q=1",
        b"100,100,1,2,3,4|40,400,linear|90|patient|srgb|image/png|utf-8",
        b"viewport=10,10&window=1,2,sigmoid&quality=3",
        b"10|10|0,0,1,1|40|400|50|1|image/png",
        b"\x10\x02\x00\x10",
    ]
    return [bytes([number]) + each for number, each in enumerate(found)]


def ctp_seeds() -> list[bytes]:
    """In the order of the target of what comes from CTP."""
    script = (
        b'<script><p t="R">1.2.3</p><e en="T" t="00080018" n="SOPInstanceUID">@hashuid(@R,this,PatientID)</e>'
        b'<e en="T" t="00100020" n="">@lookup(this,a,default,"x")@integer(this,a,3)</e><k en="T" t="0018"/>'
        b'<e en="T" t="0009[MAKER]01" n="Inside">@if(this,contains,"in"){@truncate(this,-2)}{@remove()}</e>'
        b'<e en="T" t="00081140">@process()</e><e en="T" t="00120064">113100/reset</e><r en="T" t="overlays"/></script>'
    )
    calls = (
        b'@contents(this,"([A-Z]+)","$1")@round(PatientAge,5)@incrementdate(StudyDate,-5)@modifydate(StudyDate,*,2,31)'
        b"@dateinterval(StudyDate,a,this,20000101)@initials(PatientName,1)@hashname(PatientName,6,2)@encrypt(this,k)"
        b"@select(){@date(-)}{@time(:)}@append(){x}@value(root:PatientSex,M)@pathelement(this,-1)@param(@A)\\@y"
    )
    of_anonymizer = (
        b'<script><p t="UIDROOT">1.2</p><p t="SITEID">7</p><p t="PROJECTNAME">x</p><e en="T" t="00080018" n="">@uid</e>'
        b'<e en="T" t="00080020">@hashdate(this,PatientID)</e><e en="T" t="00101010">@round(this,5)</e>'
        b'<e en="T" t="00100020">@ptid</e><e en="T" t="00080016"></e><e en="T" t="00080050">@acc</e></script>'
    )
    return [
        b"\0" + script,
        b"\0" + of_anonymizer,
        b"\7" rb"(?<a>\p{Alpha}+)[\p{Digit}\]]\Q.\E\k<a>\z",
        b"\0param.A=1\nset.[0010,0020]PatientID=@hash(this)\n#x\nkeep.group0018=\nremove.curves=\n",
        b"\1" + calls,
        b"\2\0ptid/A\\ B\\:=x\\u0041\n# c\n",
        b'\2\xffa/b,"c"\n',
        b"\3" + _zip(),
        b'\4!(Modality.equals("CT") + [0009[MAKER]01].contains("in")) * Rows.isLessThan("5") // x',
        b'\5<Configuration><Server port="1"/><Pipeline name="A"><a class="x.DicomFilter" script="f" b="c"/>'
        b'<b class="HttpExportService" url="http://h/" username="u" password="p" dicomScript="f"><x/></b>'
        b'<c class="DicomExportService" url="dicom://A:B@h:104"/><d class="DicomAnonymizer" script="s"/></Pipeline>'
        b"</Configuration>",
    ]


def _zip() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../a", b"a" * 2000)
        archive.writestr("b/", b"")
    return target.getvalue()


def seeds() -> list[bytes]:
    """In the order of the fuzz target's table."""
    content = ct_bytes()
    data_set = content[read_start(content).data_set_offset :]
    keys = identifier(level="SERIES", StudyInstanceUID="1.2.3", PatientName="A*^?", StudyDate="20200101-", Modality="")
    encoded = _implicit(keys)
    echo = b"".join(map(bytes, pdus(1, encode_command(ECHO), 16384, is_command=True)))
    pieces = [echo[12:], encode_command({2: CT, 0x0100: 1, 0x0110: 1, 0x0800: 1, 0x1000: "1.2.3"})]
    ask = associate_rq([(VERIFICATION, [IMPLICIT_LE]), (f"{STUDY_ROOT}1", [EXPLICIT_LE])])
    found = [ask + echo + RELEASE, echo + RELEASE, encoded, encoded, data_set, ask[6:], echo[6:], pieces[1], encoded]
    return [bytes([number]) + each for number, each in enumerate(found)]


def _implicit(keys: object) -> bytes:
    from pydicom.dataset import Dataset
    from pynetdicom.dsutils import encode

    assert isinstance(keys, Dataset)
    return encode(keys, is_implicit_vr=True, is_little_endian=True) or b""


if __name__ == "__main__":
    makers = {"web": web_seeds, "pictures": picture_seeds, "store": store_seeds, "ctp": ctp_seeds}
    for number, each in enumerate(makers.get("".join(sys.argv[2:]), seeds)()):
        (Path(sys.argv[1]) / f"seed-{number}").write_bytes(each)
