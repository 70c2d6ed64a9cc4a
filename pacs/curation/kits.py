"""A kit for a site: a ZIP with which it can send to a collection in ten minutes, by whatever it has.

Its token is made for it, and can only submit: a kit for somebody who may do more is refused.
"""

import io
import json
import re
import shlex
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from secrets import token_hex

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from pacs.auth import Users
from pacs.errors import BadRequest
from pacs.model import CollectionInfo, Principal, Role

_TEMPLATES = Environment(
    loader=PackageLoader("pacs.curation", "kit"),
    autoescape=select_autoescape(("html", "xml")),
    undefined=StrictUndefined,
    trim_blocks=True,
    keep_trailing_newline=True,
)
_SEALED, _RUN = 0o600, 0o700
_AET_CHARACTERS = 16
_ROOT = re.compile(r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?")


_STORAGE = "1.2.840.10008.5.1.4.1.1."
# CR, DX, MG, CT, enhanced CT, MR, enhanced MR, US, SC, XA, RF, NM, PET: what is sent compressed too. PS3.6 Table A-1.
_IMAGES = "1 1.1 1.2 2 2.1 4 4.1 6.1 3.1 7 12.1 12.2 20 128".split()
_OTHERS = "1.1.1 1.2.1 7.1 7.2 7.3 7.4 11.1 66.4 88.11 88.22 88.33 88.59 88.67 481.1 481.2 481.3 481.5".split()
_COMPRESSED = {
    "Baseline": "1.2.840.10008.1.2.4.50",
    "Lossless": "1.2.840.10008.1.2.4.70",
    "LosslessLS": "1.2.840.10008.1.2.4.80",
    "Lossless2000": "1.2.840.10008.1.2.4.90",
    "Lossy2000": "1.2.840.10008.1.2.4.91",
    "RLE": "1.2.840.10008.1.2.5",
}


def _contexts() -> Iterator[tuple[str, str]]:
    """SOP class and name of the syntax of each presentation context that DCMTK is told to propose: 128 at most."""
    for each in (*_IMAGES, *_OTHERS):
        yield f"{_STORAGE}{each}", "Uncompressed"
    yield from ((f"{_STORAGE}{each}", syntax) for each in _IMAGES for syntax in _COMPRESSED)


@dataclass(frozen=True, slots=True)
class Kit:
    """What a kit says. `root`: base of HTTP addresses; `called_aet`: the collection's, "" when it has none.

    Then the archive's own title `archive_aet` is called: the user of the kit submits to this collection alone.
    """

    collection: str
    title: str
    site: str
    user: str
    token: str
    root: str
    dimse_host: str
    dimse_port: int
    called_aet: str
    archive_aet: str
    over_tls: bool = False

    def file(self) -> bytes:
        """The ZIP."""
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in self.files().items():
                info = zipfile.ZipInfo(f"{self.folder}/{name}", (2026, 1, 1, 0, 0, 0))
                info.external_attr = (_RUN if name.endswith(".sh") else _SEALED) << 16
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, text)
        return target.getvalue()

    @property
    def folder(self) -> str:
        """Name of the folder that the ZIP unpacks into."""
        return f"kit-{self.collection}"

    def files(self) -> dict[str, str]:
        """Texts by their path within the folder."""
        script = f"ctp/scripts/{self.collection}"
        made = {
            "READ-ME.html": "page.html",
            "ctp/config.xml": "config.xml",
            f"{script}.script": "anonymizer.xml",
            f"{script}.properties": "lookup.properties.txt",
            "send-with-curl.sh": "curl.txt",
            "send.py": "send.txt",
            "send-with-dcmtk.sh": "storescu.txt",
            "storescu.cfg": "storescu.cfg.txt",
        }
        values = self._values()
        texts = {name: _TEMPLATES.get_template(template).render(values) for name, template in made.items()}
        settings = {"url": f"{self.root}/dicom-web/studies", "collection": self.collection}
        texts["settings.json"] = json.dumps(settings, indent=2) + "\n"
        texts["token.txt"] = f"{self.token}\n"
        texts["credentials.txt"] = f"Authorization: Bearer {self.token}\n"
        return texts

    def _values(self) -> Mapping[str, object]:
        aet = "".join(each for each in self.site.upper() if each.isascii() and (each.isalnum() or each in "-_"))
        tls = "+tla -ic " if self.over_tls else ""
        shown = {
            "calling_aet": aet[:_AET_CHARACTERS] or "SITE",
            "tls": tls,
            "syntaxes": _COMPRESSED.items(),
            "contexts": list(_contexts()),
            "called_quoted": shlex.quote(self.called_aet or self.archive_aet),
        }
        return asdict(self) | shown


def check_root(root: str) -> str:
    """A base of addresses, without a slash at its end. Raises `BadRequest`."""
    root = root.rstrip("/")
    if not _ROOT.fullmatch(root):
        raise BadRequest("the address begins with http:// or https:// and names a host")
    return root


def check_site(site: str) -> str:
    """A site's name without blanks around it. Raises `BadRequest` for one that cannot stand in a line of text."""
    site = site.strip()
    if not 0 < len(site) <= 64 or not site.isprintable():
        raise BadRequest("a site's name has 1 to 64 printable characters")
    return site


def fresh_token(users: Users, name: str, collection: CollectionInfo, site: str) -> str:
    """A new token of a user who may submit to the collection, and nothing else; the user is made when there is none.

    Submissions of the user count for `site`.

    Hexadecimal, since DCMTK takes a password that begins with a dash for an option. Raises `BadRequest` for a user who
    may do more than submit, or submits elsewhere: whoever gets the kit would be this user.
    """
    known = {each.name: each for each in users.all()}.get(name)
    if known is not None and not _only_submits(known, collection):
        raise BadRequest("the user may do more than submit to this collection; name one of the kit's own")
    users.add(name, Role.SUBMITTER, collection.id, site)
    return users.create_token(name, secret=token_hex(32))


def _only_submits(user: Principal, collection: CollectionInfo) -> bool:
    return all(grant.role is Role.SUBMITTER and grant.collection_id == collection.id for grant in user.grants)
