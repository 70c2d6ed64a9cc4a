"""Who sees and stores what: every caller, every door, released or not. One table for all doors (promise 5).

The two tables are the docstring of `pacs.auth.scope`, spelled out. A door is a function that tells the UIDs which a
caller gets to see by it; what it does not show must look exactly like what does not exist.
"""

import re
from collections.abc import Callable, Iterator

import pytest
import requests
from pynetdicom import AE
from pynetdicom.presentation import build_context

from pacs.dicom.syntaxes import EXPLICIT_LE
from tests.builders import CT, make_ct
from tests.wire.peers import PATIENT_ROOT, STUDY_ROOT, Receiver, association, find_on
from tests.wire.server import WholeServer, wait_for
from tests.wire.shelves import (
    ABSENT,
    AET_OF,
    SHELVES,
    Estate,
    Shelf,
    Workstation,
    prepare,
    release_what_is_released,
)

SEES = {
    "anonymous": {"public"},
    "local": {"inbox", "public"},
    "researcher": {"public", "private"},
    "researcher of all": {"inbox", "public", "private", "foreign"},
    "submitter": {"public"},
    "curator": {"public", "private", "private in review", "study in review"},
    "curator of open": {"public", "public in review"},
    "admin": set(SHELVES),
    "BOUND": {"private"},
    "UNBOUND": {"inbox", "public", "private", "foreign"},
    "NOBODY": {"inbox", "public"},  # no entry in the registry: `local`, while the server is bound to loopback
}
STORES = {
    "anonymous": set(),
    "local": set(),  # HTTP writes need a token, even here
    "wrong token": set(),
    "researcher": set(),
    "researcher of all": set(),
    "submitter": {"trial"},
    "curator": {"trial"},
    "curator of open": {"open"},
    "admin": set(AET_OF),
    "BOUND": {"trial"},
    "UNBOUND": set(AET_OF),
    "ECHOONLY": set(),
    "NOBODY": {"inbox"},
}
AES = ("BOUND", "UNBOUND", "NOBODY")
HTTP = tuple(caller for caller in SEES if caller not in AES)
STUDY, SERIES, INSTANCE = "0020000D", "0020000E", "00080018"


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Estate]:
    """A server on loopback with all shelves; nothing that tests send changes what can be seen."""
    folder = tmp_path_factory.mktemp("access")
    headers = prepare(folder, receiver.port)
    found = Estate(WholeServer(folder / "data"), receiver, headers)
    try:
        found.server.serve()
        # What a bound peer sends to our own title goes to its collection, not to the inbox.
        senders = {"inbox": ("NOBODY", "TRIALPACS"), "open": ("UNBOUND", "OPEN"), "trial": ("BOUND", "TRIALPACS")}
        found.publish(senders | {"foreign": ("UNBOUND", "FOREIGN")})
        release_what_is_released(folder)
        yield found
    finally:
        found.server.stop()


@pytest.fixture(scope="module")
def stations(estate: Estate) -> Iterator[Callable[[str], Workstation]]:
    """Workstations by AE title, each on one association."""
    open_ones: dict[str, Workstation] = {}
    leaving = []

    def of(aet: str) -> Workstation:
        if aet not in open_ones:
            entered = Workstation(estate, aet).connected()
            open_ones[aet] = entered.__enter__()
            leaving.append(entered)
        return open_ones[aet]

    yield of
    for each in leaving:
        each.__exit__(None, None, None)


def expected(caller: str, level: str) -> set[str]:
    """The UIDs at a level that the table lets a caller see."""
    seen = [shelf for name, shelf in SHELVES.items() if name in SEES[caller]]
    if level == STUDY:
        return {shelf.new_study for shelf in seen}
    if level == SERIES:
        return {shelf.new_series for shelf in seen}
    return {sop for shelf in seen for sop in shelf.new_sops}


# -- doors by HTTP -----------------------------------------------------------------------------------------------------

Door = Callable[[Estate, str], set[str]]


def search(template: str, level: str) -> Door:
    """A QIDO-RS search, once for each shelf that its template speaks of."""

    def door(estate: Estate, caller: str) -> set[str]:
        paths = {filled(template, shelf) for shelf in SHELVES.values()}
        return {row[level]["Value"][0] for path in paths for row in estate.rows(caller, path)}

    return door


def filled(template: str, shelf: Shelf) -> str:
    """A path with a shelf's names in it."""
    return template.format(
        study=shelf.new_study, series=shelf.new_series, sop=shelf.new_sops[0], collection=shelf.collection
    )


def retrieve(template: str, level: str) -> Door:
    """A WADO-RS resource of a study, series or (level INSTANCE) of each instance: seen when it answers."""

    def door(estate: Estate, caller: str) -> set[str]:
        found = set()
        for shelf in SHELVES.values():
            for sop in shelf.new_sops if level == INSTANCE else [""]:
                values = {STUDY: shelf.new_study, SERIES: shelf.new_series, INSTANCE: sop}
                named = {"study": values[STUDY], "series": values[SERIES], "sop": sop, "collection": shelf.collection}
                if answers(estate, caller, template.format(**named), template, values[level]):
                    found.add(values[level])
        return found

    return door


def answers(estate: Estate, caller: str, path: str, template: str, own: str) -> bool:
    """Whether a resource is there for a caller. When not, its answer is the same as for one that does not exist."""
    reply = estate.get(caller, path)
    if reply.status_code == 200:
        return True
    absent = estate.get(caller, template.format(study=ABSENT, series=ABSENT, sop=ABSENT, collection="nowhere"))
    assert told(reply) == told(absent)
    assert reply.status_code == 404
    assert own not in reply.text
    return False


def told(reply: requests.Response) -> tuple[int, bytes, dict[str, str]]:
    """All that an answer tells, besides the time and its own number."""
    own = ("Date", "X-Request-Id")
    return reply.status_code, reply.content, {k: v for k, v in reply.headers.items() if k not in own}


def contents(template: str) -> Door:
    """The instances that a whole study or series holds for the caller, by the UIDs in the files."""

    def door(estate: Estate, caller: str) -> set[str]:
        known = {sop.encode(): sop for shelf in SHELVES.values() for sop in shelf.new_sops}
        replies = [estate.get(caller, filled(template, shelf)) for shelf in SHELVES.values()]
        return {sop for raw, sop in known.items() if any(raw in reply.content for reply in replies)}

    return door


def pages(path: str, level: str) -> Door:
    """A search one row at a time; the total that each page tells counts nothing else."""

    def door(estate: Estate, caller: str) -> set[str]:
        found: list[str] = []
        totals = set()
        while True:
            reply = estate.get(caller, f"{path}?limit=1&offset={len(found)}")
            totals.add(int(reply.headers["X-Total-Count"]))
            rows = reply.json()
            found += [row[level]["Value"][0] for row in rows]
            if not rows:
                break
        assert totals == {len(found)}
        return set(found)

    return door


def revalidation(estate: Estate, caller: str) -> set[str]:
    """Someone else's ETag does not tell whether an instance is there."""
    found = set()
    for shelf in SHELVES.values():
        for sop in shelf.new_sops:
            path = f"/studies/{shelf.new_study}/series/{shelf.new_series}/instances/{sop}"
            etag = estate.get("admin", path).headers["ETag"]
            status = estate.get(caller, path, **{"If-None-Match": etag}).status_code
            assert status in (304, 404)
            found |= {sop} if status == 304 else set()
    return found


_SERIES_PATH = "/studies/{study}/series/{series}"
_INSTANCE_PATH = _SERIES_PATH + "/instances/{sop}"
_BY_PARAMETERS = "/wado?requestType=WADO&studyUID={study}&seriesUID={series}&objectUID={sop}"
HTTP_DOORS: dict[str, tuple[str, Door]] = {
    "QIDO studies": (STUDY, search("/studies", STUDY)),
    "QIDO series": (SERIES, search("/series", SERIES)),
    "QIDO instances": (INSTANCE, search("/instances", INSTANCE)),
    "QIDO series of a study": (SERIES, search("/studies/{study}/series", SERIES)),
    "QIDO instances of a study": (INSTANCE, search("/studies/{study}/instances", INSTANCE)),
    "QIDO instances of a series": (INSTANCE, search(_SERIES_PATH + "/instances", INSTANCE)),
    "QIDO by a key of the level below": (STUDY, search("/studies?SeriesInstanceUID={series}", STUDY)),
    "QIDO by an instance": (SERIES, search("/series?SOPInstanceUID={sop}", SERIES)),
    "QIDO by a key that is no column": (STUDY, search("/studies?KVP=120", STUDY)),
    "QIDO series by a key of the equipment": (SERIES, search("/series?Manufacturer=*&SoftwareVersions=*", SERIES)),
    "QIDO of everything": (INSTANCE, search("/instances?includefield=all", INSTANCE)),
    "QIDO as XML": (INSTANCE, contents("/instances?accept=multipart/related;type=%22application/dicom%2Bxml%22")),
    "QIDO page by page": (STUDY, pages("/studies", STUDY)),
    "QIDO page of instances": (INSTANCE, pages("/instances", INSTANCE)),
    "QIDO in a collection": (SERIES, search("/series?collection={collection}", SERIES)),
    "WADO study": (STUDY, retrieve("/studies/{study}", STUDY)),
    "WADO series": (SERIES, retrieve(_SERIES_PATH, SERIES)),
    "WADO instance": (INSTANCE, retrieve(_INSTANCE_PATH, INSTANCE)),
    "WADO in a collection": (INSTANCE, retrieve(_INSTANCE_PATH + "?collection={collection}", INSTANCE)),
    "instances in a study": (INSTANCE, contents("/studies/{study}")),
    "metadata of a study": (INSTANCE, contents("/studies/{study}/metadata")),
    "metadata as XML": (
        INSTANCE,
        contents("/studies/{study}/metadata?accept=multipart/related;type=%22application/dicom%2Bxml%22"),
    ),
    "metadata of a series": (SERIES, retrieve(_SERIES_PATH + "/metadata", SERIES)),
    "metadata": (INSTANCE, retrieve(_INSTANCE_PATH + "/metadata", INSTANCE)),
    "frames": (INSTANCE, retrieve(_INSTANCE_PATH + "/frames/1", INSTANCE)),
    "bulk data": (INSTANCE, retrieve(_INSTANCE_PATH + "/bulkdata/7FE00010", INSTANCE)),
    "ZIP of a study": (STUDY, retrieve("/studies/{study}?accept=application/zip", STUDY)),
    "pixel data of a series": (SERIES, retrieve(_SERIES_PATH + "/pixeldata", SERIES)),
    "pixel data": (INSTANCE, retrieve(_INSTANCE_PATH + "/pixeldata", INSTANCE)),
    "all bulk data of a study": (INSTANCE, contents("/studies/{study}/bulkdata")),
    "all bulk data": (INSTANCE, retrieve(_INSTANCE_PATH + "/bulkdata", INSTANCE)),
    "rendered study": (INSTANCE, contents("/studies/{study}/rendered")),
    "rendered series": (SERIES, retrieve(_SERIES_PATH + "/rendered", SERIES)),
    "rendered": (INSTANCE, retrieve(_INSTANCE_PATH + "/rendered", INSTANCE)),
    "rendered frame": (INSTANCE, retrieve(_INSTANCE_PATH + "/frames/1/rendered", INSTANCE)),
    "thumbnail of a study": (STUDY, retrieve("/studies/{study}/thumbnail", STUDY)),
    "thumbnail of a series": (SERIES, retrieve(_SERIES_PATH + "/thumbnail", SERIES)),
    "thumbnail": (INSTANCE, retrieve(_INSTANCE_PATH + "/thumbnail", INSTANCE)),
    "WADO-URI": (INSTANCE, retrieve(_BY_PARAMETERS, INSTANCE)),
    "WADO-URI file": (INSTANCE, retrieve(_BY_PARAMETERS + "&contentType=application/dicom", INSTANCE)),
    "ClearCanvas frame": (
        INSTANCE,
        retrieve(_BY_PARAMETERS + "&contentType=application/clearcanvas&frameNumber=0", INSTANCE),
    ),
    "revalidation": (INSTANCE, revalidation),
}


@pytest.mark.parametrize("door", HTTP_DOORS)
@pytest.mark.parametrize("caller", HTTP)
def test_shows_by_http_what_table_says(estate: Estate, caller: str, door: str):
    level, shown = HTTP_DOORS[door]
    assert shown(estate, caller) == expected(caller, level)


@pytest.mark.parametrize("caller", HTTP)
def test_portal_lists_collections_that_caller_sees(estate: Estate, caller: str):
    page = requests.get(f"{estate.server.root}/", headers=estate.headers[caller], timeout=10)
    listed = set(re.findall(r"collection=([a-z]+)\"", page.text))
    assert listed == {SHELVES[name].collection for name in SEES[caller]}


@pytest.mark.parametrize("door", [*HTTP_DOORS, "portal"])
def test_refuses_wrong_token_at_every_door(estate: Estate, door: str):
    paths = {"portal": f"{estate.server.root}/", "QIDO studies": "/studies", "metadata": "/studies/1.2/metadata"}
    reply = estate.get("wrong token", paths.get(door, "/studies/1.2/series/1.3/instances/1.4"))
    assert reply.status_code == 401
    assert "WWW-Authenticate" in reply.headers


# -- doors by DIMSE ----------------------------------------------------------------------------------------------------

Ask = Callable[[Workstation], set[str]]


def find_studies(station: Workstation) -> set[str]:
    return {row.StudyInstanceUID for row in station.find(level="STUDY", StudyInstanceUID="")}


def find_studies_one_by_one(station: Workstation) -> set[str]:
    uids = {shelf.new_study for shelf in SHELVES.values()}
    return {r.StudyInstanceUID for each in uids for r in station.find(level="STUDY", StudyInstanceUID=each)}


def find_series(station: Workstation) -> set[str]:
    return {
        row.SeriesInstanceUID
        for study in {shelf.new_study for shelf in SHELVES.values()}
        for row in station.find(level="SERIES", StudyInstanceUID=study, SeriesInstanceUID="")
    }


def find_instances(station: Workstation) -> set[str]:
    return {
        row.SOPInstanceUID
        for shelf in SHELVES.values()
        for row in station.find(
            level="IMAGE", StudyInstanceUID=shelf.new_study, SeriesInstanceUID=shelf.new_series, SOPInstanceUID=""
        )
    }


def find_by_patient(station: Workstation) -> set[str]:
    return {
        row.StudyInstanceUID
        for patient in station.find(PATIENT_ROOT, level="PATIENT", PatientID="")
        for row in station.find(PATIENT_ROOT, level="STUDY", PatientID=patient.PatientID, StudyInstanceUID="")
    }


def sent(service: str, level: str) -> Ask:
    """The instances that a retrieve sends; what is not seen gives no sub-operation and no failure."""

    def door(station: Workstation) -> set[str]:
        found = set()
        for shelf in SHELVES.values():
            uids = {"StudyInstanceUID": shelf.new_study}
            if level == "SERIES":
                uids["SeriesInstanceUID"] = shelf.new_series
            received, last = getattr(station, service)(level=level, **uids)
            _none, absent = getattr(station, service)(level=level, **dict.fromkeys(uids, ABSENT))
            assert last.NumberOfCompletedSuboperations == len(received)
            if not received:
                assert last == absent, (last, absent)
            found.update(received)
        return found

    return door


def sent_one_by_one(service: str) -> Ask:
    """The same, asked for by SOP Instance UID."""

    def door(station: Workstation) -> set[str]:
        found = set()
        for shelf in SHELVES.values():
            keys = {"StudyInstanceUID": shelf.new_study, "SeriesInstanceUID": shelf.new_series}
            found.update(getattr(station, service)(level="IMAGE", **keys, SOPInstanceUID=shelf.new_sops)[0])
        return found

    return door


DIMSE_DOORS: dict[str, tuple[str, Ask]] = {
    "find studies": (STUDY, find_studies),
    "find studies by UID": (STUDY, find_studies_one_by_one),
    "find series": (SERIES, find_series),
    "find instances": (INSTANCE, find_instances),
    "find by patient": (STUDY, find_by_patient),
    "get studies": (INSTANCE, sent("get", "STUDY")),
    "get series": (INSTANCE, sent("get", "SERIES")),
    "get instances": (INSTANCE, sent_one_by_one("get")),
    "move studies": (INSTANCE, sent("move", "STUDY")),
    "move series": (INSTANCE, sent("move", "SERIES")),
    "move instances": (INSTANCE, sent_one_by_one("move")),
}


@pytest.mark.parametrize("door", DIMSE_DOORS)
@pytest.mark.parametrize("aet", AES)
def test_shows_by_dimse_what_table_says(stations: Callable[[str], Workstation], aet: str, door: str):
    level, shown = DIMSE_DOORS[door]
    assert shown(stations(aet)) == expected(aet, level)


@pytest.mark.parametrize("service", ["find", "get", "move"])
def test_peer_without_service_gets_not_authorised(stations: Callable[[str], Workstation], service: str):
    station = stations("ECHOONLY")
    key = {"level": "STUDY", "StudyInstanceUID": SHELVES["public"].new_study}
    if service == "find":
        rows, last = find_on(station.assoc, f"{STUDY_ROOT}1", **key)
        assert (rows, last.Status) == ([], 0x0124)
        return
    received, last = getattr(station, service)(**key)
    assert (received, last.Status) == ([], 0x0124)


# -- counts ------------------------------------------------------------------------------------------------------------


def counted(caller: str, study: str) -> tuple[int, int, set[str]]:
    """Series, instances and modalities of a study that the table lets a caller count."""
    shelves = [shelf for name, shelf in SHELVES.items() if name in SEES[caller] and shelf.study == study]
    return len(shelves), sum(shelf.slices for shelf in shelves), {shelf.modality for shelf in shelves}


@pytest.mark.parametrize("caller", HTTP)
def test_counts_by_http_only_what_is_seen(estate: Estate, caller: str):
    by_uid = {shelf.new_study: shelf.study for shelf in SHELVES.values()}
    for row in estate.rows(caller, "/studies?includefield=ModalitiesInStudy"):
        series, instances, modalities = counted(caller, by_uid[row[STUDY]["Value"][0]])
        assert row["00201206"]["Value"] == [series]
        assert row["00201208"]["Value"] == [instances]
        assert set(row["00080061"]["Value"]) == modalities


@pytest.mark.parametrize("caller", HTTP)
def test_totals_count_only_what_is_seen(estate: Estate, caller: str):
    for path, level in (("studies", STUDY), ("series", SERIES), ("instances", INSTANCE)):
        reply = estate.get(caller, f"/{path}?limit=1")
        total = len(expected(caller, level))
        assert int(reply.headers["X-Total-Count"]) == total
        assert ("Warning" in reply.headers) == (total > 1)


@pytest.mark.parametrize("caller", HTTP)
def test_modality_of_unseen_series_finds_nothing(estate: Estate, caller: str):
    for modality in ("CT", "MR", "PT"):
        wanted = {s.new_study for n, s in SHELVES.items() if n in SEES[caller] and s.modality == modality}
        for key in ("Modality", "ModalitiesInStudy"):
            rows = estate.rows(caller, f"/studies?{key}={modality}")
            assert {row[STUDY]["Value"][0] for row in rows} == wanted


@pytest.mark.parametrize("aet", AES)
def test_counts_by_dimse_only_what_is_seen(stations: Callable[[str], Workstation], aet: str):
    station = stations(aet)
    by_uid = {shelf.new_study: shelf.study for shelf in SHELVES.values()}
    numbers = {"NumberOfStudyRelatedSeries": "", "NumberOfStudyRelatedInstances": "", "ModalitiesInStudy": ""}
    for row in station.find(level="STUDY", StudyInstanceUID="", **numbers):
        series, instances, modalities = counted(aet, by_uid[row.StudyInstanceUID])
        assert (row.NumberOfStudyRelatedSeries, row.NumberOfStudyRelatedInstances) == (series, instances)
        assert {row.ModalitiesInStudy} == modalities or set(row.ModalitiesInStudy) == modalities
    related = ("Studies", "Series", "Instances")
    keys = {f"NumberOfPatientRelated{each}": "" for each in related}
    rows = station.find(PATIENT_ROOT, level="PATIENT", PatientID="", **keys)
    totals = [sum(row[f"NumberOfPatientRelated{each}"].value for row in rows) for each in related]
    assert totals == [len(expected(aet, level)) for level in (STUDY, SERIES, INSTANCE)]


# -- storing -----------------------------------------------------------------------------------------------------------


def again(collection: str):
    """An object that the collection has already, so that storing it changes nothing to be seen."""
    return next(shelf for shelf in SHELVES.values() if shelf.collection == collection).objects()[0]


@pytest.mark.parametrize("collection", AET_OF)
@pytest.mark.parametrize("caller", [caller for caller in STORES if not caller.isupper()])
def test_stow_takes_what_table_says(estate: Estate, caller: str, collection: str):
    before = sum(estate.counts().values())
    status = estate.stow(caller, again(collection), collection).status_code
    if collection in STORES[caller]:
        assert status == 200
        wait_for(lambda: sum(estate.counts().values()) == before + 1)
        return
    has_credentials = caller not in ("anonymous", "local", "wrong token")
    assert status in ((403, 404) if has_credentials else (401,))
    assert sum(estate.counts().values()) == before


# What a bound peer sends to our own title goes to its own collection, as the fixture shows: no case of the inbox.
C_STORES = [(aet, name) for aet in STORES if aet.isupper() for name in AET_OF if (aet, name) != ("BOUND", "inbox")]


@pytest.mark.parametrize(("aet", "collection"), C_STORES)
def test_c_store_takes_what_table_says(estate: Estate, aet: str, collection: str):
    before = sum(estate.counts().values())
    contexts = [build_context(CT, [EXPLICIT_LE])]
    with association(estate.server.port, contexts, calling=aet, called=AET_OF[collection]) as assoc:
        status = assoc.send_c_store(again(collection)).Status
    may = collection in STORES[aet]
    assert status == (0 if may else 0x0124)
    wait_for(lambda: sum(estate.counts().values()) == before + may)


@pytest.mark.parametrize("caller", ["researcher", "submitter", "curator of open"])
def test_stow_does_not_tell_which_unseen_collections_exist(estate: Estate, caller: str):
    unseen, absent = (estate.stow(caller, make_ct(), name) for name in ("foreign", "nowhere"))
    assert told(unseen) == told(absent)


# -- bound to another address than loopback ----------------------------------------------------------------------------

ELSEWHERE = "0x7f.0.0.1"  # reaches this machine only, but the server trusts no address that it cannot tell is loopback


@pytest.fixture(scope="module")
def abroad(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeServer]:
    """A fresh server that is not bound to loopback as far as it knows, with one object of a known peer in its inbox."""
    server = WholeServer(tmp_path_factory.mktemp("abroad") / "data", options=("--host", ELSEWHERE))
    try:
        server.serve()
        server.run("peer", "add", "KNOWN", "127.0.0.1", "1")
        with association(server.port, [build_context(CT, [EXPLICIT_LE])], calling="KNOWN") as assoc:
            assert assoc.send_c_store(make_ct()).Status == 0
        address = f"{server.dicom_web}/series"
        wait_for(lambda: len(requests.get(address, headers=server.admin, timeout=10).json()) == 1)
        yield server
    finally:
        server.stop()


def test_nobody_is_local_beyond_loopback(abroad: WholeServer):
    page = requests.get(f"{abroad.root}/", timeout=10).text
    assert "You are anonymous" in page
    assert "inbox" not in page
    assert requests.get(f"{abroad.dicom_web}/series", timeout=10).json() == []


def test_rejects_unknown_ae_beyond_loopback(abroad: WholeServer):
    ae = AE("NOBODY")
    ae.add_requested_context(CT)
    assoc = ae.associate("127.0.0.1", abroad.port, ae_title="TRIALPACS")
    assert assoc.is_rejected
    rejection = assoc.acceptor.primitive
    assert rejection is not None
    assert (rejection.result, rejection.result_source, rejection.diagnostic) == (1, 1, 3)


def test_inbox_is_reviewed_beyond_loopback(abroad: WholeServer):
    assert '"release": "review"' in abroad.run("collection", "show", "inbox", "--json")
    with association(abroad.port, [build_context(f"{PATIENT_ROOT}1", [EXPLICIT_LE])], calling="KNOWN") as assoc:
        rows, last = find_on(assoc, f"{PATIENT_ROOT}1", level="PATIENT", PatientID="")
    assert (rows, last.Status) == ([], 0)
    abroad.run("collection", "release", "inbox")
    with association(abroad.port, [build_context(f"{PATIENT_ROOT}1", [EXPLICIT_LE])], calling="KNOWN") as assoc:
        rows, last = find_on(assoc, f"{PATIENT_ROOT}1", level="PATIENT", PatientID="")
    assert len(rows) == 1
    assert requests.get(f"{abroad.dicom_web}/series", timeout=10).json() == []


def test_storing_by_http_needs_token_beyond_loopback(abroad: WholeServer):
    headers = {"Content-Type": "application/dicom"}
    assert requests.post(f"{abroad.dicom_web}/studies", b"", headers=headers, timeout=10).status_code == 401


# -- removing ----------------------------------------------------------------------------------------------------------

CURATES = {"curator": {"trial"}, "curator of open": {"open"}, "admin": set(AET_OF)}


def change(estate: Estate, caller: str, method: str, path: str) -> requests.Response:
    """A request that changes something."""
    address = path if path.startswith("http") else estate.server.dicom_web + path
    return requests.request(method, address, headers=estate.headers[caller], timeout=30)


@pytest.mark.parametrize("template", [_SERIES_PATH, _INSTANCE_PATH])
@pytest.mark.parametrize("caller", HTTP)
def test_removes_what_table_says(estate: Estate, caller: str, template: str):
    absent = change(estate, caller, "DELETE", template.format(study=ABSENT, series=ABSENT, sop=ABSENT))
    assert absent.status_code == 404
    for name, shelf in SHELVES.items():
        path = filled(template, shelf)
        before = estate.rows("admin", f"/studies/{shelf.new_study}/instances?includefield=all")
        reply = change(estate, caller, "DELETE", path)
        if name not in SEES[caller]:
            assert told(reply) == told(absent)
        elif shelf.collection in CURATES.get(caller, ()):
            assert reply.status_code == 204
            assert estate.get("admin", path).status_code == 404
            assert change(estate, caller, "POST", f"{reply.headers['Location']}/restore").status_code == 200
        else:
            assert reply.status_code == (403 if "Authorization" in estate.headers[caller] else 401)
        assert estate.rows("admin", f"/studies/{shelf.new_study}/instances?includefield=all") == before


def test_trash_is_shown_to_curators_alone(estate: Estate):
    shelf = SHELVES["private in review"]
    entry = change(estate, "admin", "DELETE", filled(_SERIES_PATH, shelf)).headers["Location"]
    try:
        for caller in HTTP:
            reply, absent = estate.get(caller, entry), estate.get(caller, "/trash/999999")
            listing = estate.get(caller, "/trash")
            if "trial" in CURATES.get(caller, ()):
                assert reply.status_code == 200
                assert [row["series_uid"] for row in listing.json()] == [shelf.new_series]
                continue
            assert told(reply) == told(absent)
            restored, unknown = (change(estate, caller, "POST", f"{each}/restore") for each in (entry, "/trash/999999"))
            assert told(restored) == told(unknown)
            assert restored.status_code == (404 if "Authorization" in estate.headers[caller] else 401)
            assert shelf.new_series not in listing.text
    finally:
        assert change(estate, "admin", "POST", f"{entry}/restore").status_code == 200
    assert expected("curator", SERIES) == search("/series", SERIES)(estate, "curator")


def test_submission_is_shown_to_sender_and_curators(estate: Estate):
    ds = make_ct(SHELVES["private"].sops[0], "private", "study t", "P3", InstanceNumber=1)
    reply = estate.stow("submitter", ds, "trial")
    assert reply.status_code == 200
    for caller in HTTP:
        shown = estate.get(caller, reply.headers["Location"])
        absent = estate.get(caller, "/submissions/w-" + "0" * 24)
        if caller in ("submitter", "curator", "admin"):
            assert shown.status_code == 200
        else:
            assert (shown.status_code, told(shown)) == (404, told(absent))
