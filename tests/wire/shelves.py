"""A server with a collection of each kind, and callers of each kind, for the access matrix.

Every series is a shelf. Their objects come in as they would: by C-STORE and STOW, from callers that may store there.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from pydicom.dataset import Dataset, FileDataset
from pynetdicom import evt
from pynetdicom.presentation import build_context, build_role

from pacs.curation.release import release
from pacs.dicom.syntaxes import EXPLICIT_LE
from pacs.model import Access, Release, Role
from pacs.registry.registry import NewCollection
from tests.builders import CT, file_bytes, make_ct, uid
from tests.installation import installed
from tests.wire.peers import PATIENT_ROOT, STUDY_ROOT, Receiver, association, find_on, identifier
from tests.wire.server import WholeServer, wait_for

AET_OF = {"inbox": "TRIALPACS", "open": "OPEN", "trial": "TRIAL", "foreign": "FOREIGN"}
PATIENT_OF = {"inbox": "P1", "open": "P2", "trial": "P3", "foreign": "P4"}
ABSENT = uid("nobody has this")


@dataclass(frozen=True)
class Shelf:
    """One series: where it is, whether it is released, its UIDs as sent and (`new`) as published."""

    name: str
    collection: str
    study: str
    is_released: bool
    slices: int = 1
    modality: str = "CT"
    new: dict[str, str] = field(default_factory=dict, compare=False)

    @property
    def sops(self) -> list[str]:
        """Names of its instances."""
        return [f"{self.name}/{number}" for number in range(1, self.slices + 1)]

    def objects(self) -> list[FileDataset]:
        """Its instances as a hospital sends them."""
        return [
            make_ct(sop, self.name, self.study, PATIENT_OF[self.collection], InstanceNumber=n, Modality=self.modality)
            for n, sop in enumerate(self.sops, 1)
        ]

    @property
    def new_study(self) -> str:
        """Published study UID."""
        return self.new[self.study]

    @property
    def new_series(self) -> str:
        """Published series UID."""
        return self.new[self.name]

    @property
    def new_sops(self) -> list[str]:
        """Published instance UIDs."""
        return [self.new[sop] for sop in self.sops]


# Two series of one study differ in release: counts and modalities of the study must not tell of the other.
SHELVES = {
    shelf.name: shelf
    for shelf in (
        Shelf("inbox", "inbox", "study i", is_released=True),
        Shelf("public", "open", "study o", is_released=True),
        Shelf("public in review", "open", "study o", is_released=False, slices=2, modality="PT"),
        Shelf("private", "trial", "study t", is_released=True, slices=2),
        Shelf("private in review", "trial", "study t", is_released=False, modality="MR"),
        Shelf("study in review", "trial", "study u", is_released=False),
        Shelf("foreign", "foreign", "study f", is_released=True),
    )
}


@dataclass
class Estate:
    """The running server, and the credentials of its callers by name."""

    server: WholeServer
    receiver: Receiver
    headers: dict[str, dict[str, str]]

    def get(self, caller: str, path: str, **headers: str) -> requests.Response:
        """A GET below the DICOMweb root."""
        address = path if path.startswith("http") else self.server.dicom_web + path
        return requests.get(address, headers=self.headers[caller] | headers, timeout=30)

    def rows(self, caller: str, path: str) -> list[dict[str, Any]]:
        """What a search answers."""
        reply = self.get(caller, path)
        assert reply.status_code == 200, reply.text
        return list(reply.json())

    def stow(self, caller: str, ds: Dataset, collection: str) -> requests.Response:
        """Store one object."""
        return requests.post(
            f"{self.server.dicom_web}/studies?collection={collection}",
            file_bytes(ds),
            headers=self.headers[caller] | {"Content-Type": "application/dicom"},
            timeout=30,
        )

    def counts(self) -> dict[str, int]:
        """Accepted objects by state, as the metrics tell."""
        text = requests.get(f"{self.server.root}/metrics", timeout=10).text
        return {state: int(float(n)) for state, n in re.findall(r'pacs_objects\{state="(\w+)"\} (\S+)', text)}

    def publish(self, senders: Mapping[str, tuple[str, str]]) -> None:
        """Send all shelves, each collection's by the AE titles (calling, called) that `senders` names."""
        for collection, (calling, called) in senders.items():
            contexts = [build_context(CT, [EXPLICIT_LE])]
            with association(self.server.port, contexts, calling=calling, called=called) as assoc:
                for shelf in SHELVES.values():
                    if shelf.collection == collection:
                        assert all(assoc.send_c_store(each).Status == 0 for each in shelf.objects())
        total = sum(shelf.slices for shelf in SHELVES.values())
        wait_for(lambda: sum(self.counts().values()) == total and not self.counts()["waiting"], 60)
        assert self.counts()["published"] == total, self.counts()


class Workstation:
    """An AE that asks: C-FIND, C-GET and C-MOVE over one association."""

    def __init__(self, estate: Estate, aet: str) -> None:
        self.estate, self.aet = estate, aet
        self.received: list[str] = []

    @contextmanager
    def connected(self) -> Iterator["Workstation"]:
        """Associate, with the server's rejection as an assertion error."""

        def on_store(event: evt.Event) -> int:
            self.received.append(str(event.dataset.SOPInstanceUID))
            return 0

        roots = (STUDY_ROOT, PATIENT_ROOT)
        contexts = [build_context(f"{root}{service}", [EXPLICIT_LE]) for root in roots for service in (1, 2, 3)]
        contexts.append(build_context(CT, [EXPLICIT_LE]))
        more: dict[str, Any] = {"ext_neg": [build_role(CT, scp_role=True)]}
        more["evt_handlers"] = [(evt.EVT_C_STORE, on_store)]
        with association(self.estate.server.port, contexts, calling=self.aet, **more) as self.assoc:
            yield self

    def find(self, root: str = STUDY_ROOT, **keys: Any) -> list[Dataset]:
        """Rows of a C-FIND that must succeed."""
        rows, last = find_on(self.assoc, f"{root}1", **keys)
        assert last.Status == 0, last
        return rows

    def get(self, **keys: Any) -> tuple[list[str], Dataset]:
        """SOP Instance UIDs that a C-GET brings, and its last response."""
        self.received.clear()
        last = list(self.assoc.send_c_get(identifier(**keys), f"{STUDY_ROOT}3"))[-1][0]
        return list(self.received), last

    def move(self, **keys: Any) -> tuple[list[str], Dataset]:
        """SOP Instance UIDs that a C-MOVE sends to the receiver, and its last response."""
        del self.estate.receiver.objects[:]
        last = list(self.assoc.send_c_move(identifier(**keys), "DEST", f"{STUDY_ROOT}2"))[-1][0]
        return [str(each.SOPInstanceUID) for each in self.estate.receiver.objects], last


USERS = {
    "researcher": (Role.RESEARCHER, "trial"),
    "researcher of all": (Role.RESEARCHER, ""),
    "submitter": (Role.SUBMITTER, "trial"),
    "curator": (Role.CURATOR, "trial"),
    "curator of open": (Role.CURATOR, "open"),
}


def prepare(folder: Path, receiver_port: int) -> dict[str, dict[str, str]]:
    """Collections, peers and users on a fresh data directory; the headers of every HTTP caller."""
    headers: dict[str, dict[str, str]] = {"local": {}, "anonymous": {"X-Forwarded-For": "203.0.113.9"}}
    headers["wrong token"] = {"Authorization": "Bearer not-a-token"}
    with installed(folder) as app:
        for name, how, access in (
            ("open", Release.REVIEW, Access.PUBLIC),
            ("trial", Release.REVIEW, Access.RESTRICTED),
            ("foreign", Release.AUTOMATIC, Access.RESTRICTED),
        ):
            app.create_collection(NewCollection(name, "basic", "", 0, "", how, access, AET_OF[name]))
        app.registry.add_peer("DEST", "127.0.0.1", receiver_port)
        app.registry.add_peer("BOUND", "127.0.0.1", 1, collections=("trial",))
        app.registry.add_peer("UNBOUND", "127.0.0.1", 1)
        app.registry.add_peer("ECHOONLY", "127.0.0.1", 1, frozenset(("echo",)))
        snapshot = app.registry.snapshot()
        for number, (caller, (role, collection)) in enumerate(USERS.items()):
            where = snapshot.collection_named(collection).id if collection else None
            app.users.add(f"user{number}", role, where)
            headers[caller] = {"Authorization": f"Bearer {app.users.create_token(f'user{number}')}"}
        headers["admin"] = {"Authorization": f"Bearer {app.folders.admin_token.read_text()}"}
        for shelf in SHELVES.values():
            keys = app.archive.keys_of(snapshot.collection_named(shelf.collection))
            shelf.new.update({name: keys.map_uid(uid(name)) for name in (shelf.study, shelf.name, *shelf.sops)})
    return headers


def release_what_is_released(folder: Path) -> None:
    """A curator's releases in the collections under review."""
    with installed(folder) as app:
        for name in ("public", "private"):
            assert release(app.archive, SHELVES[name].collection, SHELVES[name].new_series, "curator") == 1
