"""Compression, ranges and validators: what HTTP asks of any answer."""

import gzip

import pytest
import zstandard

from tests.dicomweb.conftest import Web, uids
from tests.wire.contract import contract

UNPACK = {"gzip": gzip.decompress, "zstd": lambda raw: zstandard.ZstdDecompressor().decompressobj().decompress(raw)}


@pytest.fixture
def paths(web: Web) -> dict[str, str]:
    study, series, sop = uids(web)
    instance = f"/dicom-web/studies/{study}/series/{series}/instances/{sop}"
    return {
        "studies": "/dicom-web/studies?includefield=all",
        "metadata": f"/dicom-web/studies/{study}/metadata",
        "frame": f"{instance}/frames/1?accept=application/octet-stream",
        "instance": f"{instance}?accept=application/dicom",
        "bulk": f"{instance}/bulkdata/7FE00010",
    }


def get(web: Web, path: str, **headers: str):
    return web.client.get(path, headers={key.replace("_", "-"): value for key, value in headers.items()}, buffered=True)


@contract("web 9.1", "web 4.4")
@pytest.mark.parametrize("name", ["studies", "metadata"])
@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("zstd;q=0.2, gzip;q=0.8", "gzip"),
        ("gzip;q=0", ""),
        ("identity", ""),
        ("", ""),
        ("*", ""),
    ],
)
def test_json_is_compressed_as_the_caller_takes_it(web: Web, paths, name: str, accepted: str, encoding: str):
    plain = get(web, paths[name])
    reply = get(web, paths[name], Accept_Encoding=accepted)
    assert reply.headers.get("Content-Encoding", "") == encoding
    assert UNPACK.get(encoding, bytes)(reply.data) == plain.data
    assert "Accept-Encoding" in ",".join(reply.headers.getlist("Vary"))
    if encoding:
        assert len(reply.data) < len(plain.data)


@contract("web 9.2", "web 4.4")
def test_compressed_answer_is_revalidated(web: Web, paths):
    reply = get(web, paths["metadata"], Accept_Encoding="gzip")
    assert reply.headers["ETag"].startswith("W/")
    for tag in (reply.headers["ETag"], reply.headers["ETag"][2:], f'"other", {reply.headers["ETag"]}', "*"):
        again = get(web, paths["metadata"], Accept_Encoding="gzip", If_None_Match=tag)
        assert (again.status_code, again.data) == (304, b"")
    assert get(web, paths["metadata"], If_None_Match='"other"').status_code == 200


@contract("web 9.1")
def test_pixels_are_not_compressed(web: Web, paths):
    assert "Content-Encoding" not in get(web, paths["instance"], Accept_Encoding="gzip, zstd").headers


@contract("web 9.3")
@pytest.mark.parametrize("name", ["frame", "instance", "bulk"])
@pytest.mark.parametrize(
    ("asked", "slice_"),
    [
        ("bytes=0-9", slice(0, 10)),
        ("bytes=10-19", slice(10, 20)),
        ("bytes=100-", slice(100, None)),
        ("bytes=-7", slice(-7, None)),
        ("bytes=-99999999", slice(0, None)),
        ("bytes=120-99999999", slice(120, None)),
    ],
)
def test_range_of_a_single_part(web: Web, paths, name: str, asked: str, slice_: slice):
    whole = get(web, paths[name])
    assert whole.headers["Accept-Ranges"] == "bytes"
    reply = get(web, paths[name], Range=asked)
    start, stop, _ = slice_.indices(len(whole.data))
    assert (reply.status_code, reply.data) == (206, whole.data[start:stop])
    assert reply.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(whole.data)}"
    assert reply.content_length == stop - start


@contract("web 9.3")
def test_range_behind_the_end_is_416(web: Web, paths):
    size = len(get(web, paths["bulk"]).data)
    reply = get(web, paths["bulk"], Range=f"bytes={size}-")
    assert (reply.status_code, reply.headers["Content-Range"], reply.data) == (416, f"bytes */{size}", b"")


@contract("web 9.3")
@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "items=0-1", "bytes=5-1", "nonsense", "bytes=a-b"])
def test_other_ranges_get_the_whole(web: Web, paths, asked: str):
    whole = get(web, paths["bulk"])
    reply = get(web, paths["bulk"], Range=asked)
    assert (reply.status_code, reply.data) == (200, whole.data)


@contract("web 9.3")
def test_range_of_changed_content_gets_the_whole(web: Web, paths):
    tag = get(web, paths["bulk"]).headers["ETag"]
    assert get(web, paths["bulk"], Range="bytes=0-9", If_Range=tag).status_code == 206
    assert get(web, paths["bulk"], Range="bytes=0-9", If_Range='"other"').status_code == 200


@contract("web 1.3")
@pytest.mark.parametrize("name", ["studies", "metadata", "frame", "instance", "bulk"])
def test_head_is_get_without_body(web: Web, paths, name: str):
    full = get(web, paths[name])
    head = web.client.head(paths[name])
    assert (head.status_code, head.data) == (200, b"")
    for header in ("Content-Type", "ETag", "Content-Length"):
        if "multipart" not in full.headers["Content-Type"] and header in head.headers:
            assert head.headers[header] == full.headers[header]


def test_every_answer_has_a_request_id(web: Web):
    first, second = (get(web, path).headers["X-Request-Id"] for path in ("/dicom-web/studies", "/nothing"))
    assert len(first) == len(second) == 16
    assert first != second


@contract("web 9.1")
def test_short_and_empty_answers_stay_as_they_are(web: Web):
    for reply in (
        web.client.options("/dicom-web/studies/1.2/metadata", headers={"Accept-Encoding": "gzip"}),
        get(web, "/dicom-web/studies?StudyInstanceUID=1.2.3", Accept_Encoding="gzip"),
    ):
        assert "Content-Encoding" not in reply.headers
        assert reply.data in (b"", b"[]")
