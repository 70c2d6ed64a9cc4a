"""The OHIF viewer's files: what is served, how, and what a page of it may talk to."""

import gzip
import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from pacs.errors import BadRequest
from pacs.model import Role
from pacs.web.viewer_package import install
from pacs.wsgi import create_app

PAGE = """<!doctype html><html><head><script>window.PUBLIC_URL="/"</script>
<script type="module" src="/init-service-worker.js"></script><script src="/app-config.js"></script>
<script defer src="/app.bundle.0123456789abcdef.js"></script>
<link href="/app.bundle.css" rel="stylesheet"></head></html>"""
SCRIPT = 'r.p="/";__webpack_require__.p = "/";fetch("/x");' + "load('/dicom-microscopy-viewer/a.js');"
SCRIPT += "for (let i = 0; i < ModalitiesInStudy.Value.length; i++) {}" + " " * 2000
FILES = {
    "package/package.json": json.dumps({"name": "@ohif/app", "version": "3.13.2", "license": "MIT"}),
    "package/LICENSE": "MIT",
    "package/dist/index.html": PAGE,
    "package/dist/app-config.js": "window.config = {}",
    "package/dist/app.bundle.0123456789abcdef.js": SCRIPT,
    "package/dist/app.bundle.css": "@font-face{src:url(/a.woff2)}",
    "package/dist/app.bundle.js.map": "{}",
    "package/dist/a.woff2": "font",
    "package/dist/manifest.json": '{"icons": [{"src": "/assets/a.png"}]}',
    "package/dist/assets/browserconfig.xml": '<square70x70logo src="/assets/b.png"/>',
    "package/dist/init-service-worker.js": "importScripts('https://elsewhere.example/x.js')",
    "package/dist/ort/ort.js": "large",
}


def packed(path: Path, files: dict[str, str]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            content = text.encode()
            facts = tarfile.TarInfo(name)
            facts.size = len(content)
            archive.addfile(facts, io.BytesIO(content))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    install(packed(tmp_path / "ohif.tgz", FILES), tmp_path / "viewer")
    return tmp_path / "viewer"


@pytest.fixture
def client(app, folder):
    made = create_app(app)
    made.extensions["pacs_viewer"] = folder
    return Reading(made.test_client())


class Reading:
    """A client that reads each answer whole, as a browser does."""

    def __init__(self, client):
        self.client = client

    def get(self, path, **more):
        return self.client.get(path, buffered=True, **more)


def test_package_is_trimmed_and_moved_to_its_base(folder):
    page = (folder / "index.html").read_text()
    assert 'src="/viewer/app.bundle.0123456789abcdef.js"' in page
    assert 'window.PUBLIC_URL="/viewer/"' in page
    assert "service-worker" not in page
    script = (folder / "app.bundle.0123456789abcdef.js").read_text()
    here = '(self.PUBLIC_URL||new URL(".",self.location).pathname)'
    assert script.startswith(f'r.p={here};__webpack_require__.p = {here};fetch("/x");load({here}+\'dicom-microscopy')
    assert "i < ModalitiesInStudy.Value?.length;" in script
    assert (folder / "app.bundle.css").read_text() == "@font-face{src:url(a.woff2)}"
    assert '"src": "assets/a.png"' in (folder / "manifest.json").read_text()
    assert 'src="b.png"' in (folder / "assets" / "browserconfig.xml").read_text()
    assert not {"ort", "app.bundle.js.map", "init-service-worker.js"} & {each.name for each in folder.iterdir()}
    assert json.loads((folder / "VERSION.json").read_text())["license"] == "MIT"
    assert (folder / "LICENSE").exists()


def test_package_of_another_form_is_not_installed(tmp_path, folder):
    other = {**FILES, "package/dist/app.bundle.0123456789abcdef.js": "nothing"}
    with pytest.raises(BadRequest):
        install(packed(tmp_path / "other.tgz", other), folder)
    assert "/viewer/" in (folder / "index.html").read_text(), "what was there stays"
    assert not list(tmp_path.glob(".viewer-*"))


def test_addresses_of_the_viewer_get_its_page(client):
    for path in ("/viewer", "/viewer/", "/viewer/viewer?StudyInstanceUIDs=1.2", "/viewer/segmentation"):
        reply = client.get(path)
        assert (reply.status_code, reply.mimetype) == (200, "text/html")
    assert client.get("/viewer/nothing.js").status_code == 404
    assert client.get("/viewer/../../etc/passwd.txt").status_code == 404


def test_viewer_talks_to_this_server_only(client):
    headers = client.get("/viewer/").headers
    rules = dict(each.strip().split(" ", 1) for each in headers["Content-Security-Policy"].split(";"))
    assert rules["connect-src"] == "'self' blob: data:"
    assert not any("http" in each or "*" in each for each in rules.values())
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"


def test_files_are_sent_compressed_as_they_are(client):
    path = "/viewer/app.bundle.0123456789abcdef.js"
    plain = client.get(path)
    packed_reply = client.get(path, headers={"Accept-Encoding": "gzip"})
    assert packed_reply.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed_reply.data) == plain.data
    assert client.get(path, headers={"Accept-Encoding": "zstd, gzip"}).headers["Content-Encoding"] == "zstd"
    assert "Accept-Encoding" in packed_reply.headers["Vary"]
    assert "immutable" in plain.headers["Cache-Control"]
    assert client.get("/viewer/app.bundle.css").headers["Cache-Control"] == "no-cache"


def test_unchanged_file_is_not_sent_again(client):
    first = client.get("/viewer/app.bundle.css")
    again = client.get("/viewer/app.bundle.css", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def config_of(reply):
    text = reply.get_data(as_text=True)
    assert "http" not in text
    return json.loads(text.removeprefix("window.config = ").partition(";\n")[0])


def test_config_lets_who_is_not_signed_in_sign_in(app, client):
    app.users.add("ann", Role.RESEARCHER)
    headers = {"Authorization": f"Bearer {app.users.create_token('ann')}"}
    assert "/login?next=" in client.get("/viewer/app-config.js").get_data(as_text=True)
    assert "/login" not in client.get("/viewer/app-config.js", headers=headers).get_data(as_text=True)


def test_config_names_relative_roots(client):
    config = config_of(client.get("/viewer/app-config.js"))
    (source,) = config["dataSources"]
    assert config["routerBasename"] == "/viewer/"
    assert source["configuration"]["qidoRoot"] == source["configuration"]["wadoRoot"] == "/dicom-web"


@pytest.fixture
def below_archive(app, folder):
    """A client of a server whose `http.public_root` has a path."""
    http = replace(app.settings.http, public_root="https://host.example/archive/")
    made = create_app(replace(app, settings=replace(app.settings, http=http)))
    made.extensions["pacs_viewer"] = folder
    return Reading(made.test_client())


@pytest.mark.parametrize("by", ["header", "setting"])
def test_below_a_proxys_path_page_and_config_name_it(client, below_archive, by):
    asked = {"headers": {"X-Forwarded-Prefix": "/archive"}} if by == "header" else {}
    found = client if by == "header" else below_archive
    page = found.get("/viewer/viewer?StudyInstanceUIDs=1.2", **asked).get_data(as_text=True)
    assert 'src="/archive/viewer/app.bundle.0123456789abcdef.js"' in page
    assert 'window.PUBLIC_URL="/archive/viewer/"' in page
    assert '"/viewer/' not in page
    config = config_of(found.get("/viewer/app-config.js", **asked))
    (source,) = config["dataSources"]
    assert config["routerBasename"] == "/archive/viewer/"
    roots = [source["configuration"][each] for each in ("qidoRoot", "wadoRoot", "wadoUriRoot")]
    assert roots == ["/archive/dicom-web", "/archive/dicom-web", "/archive/wado"]
    for address in ("/look/1.2", "/"):
        assert "/archive/viewer/" in found.get(address, **asked).get_data(as_text=True)


@pytest.mark.parametrize("path", ["/viewer/", "/viewer/app-config.js"])
def test_what_names_the_proxys_path_is_kept_apart_by_it(client, path):
    first = client.get(path)
    below = client.get(path, headers={"X-Forwarded-Prefix": "/archive", "If-None-Match": first.headers["ETag"]})
    assert below.status_code == 200
    assert "X-Forwarded-Prefix" in below.headers["Vary"]
    assert below.headers["Cache-Control"] == "no-cache"
    again = client.get(path, headers={"X-Forwarded-Prefix": "/archive", "If-None-Match": below.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_all_other_files_are_the_same_below_any_path(client, folder):
    made = {"index.html", "app-config.js"}
    for file in (each for each in folder.rglob("*") if each.is_file() and each.name not in made):
        path = f"/viewer/{file.relative_to(folder).as_posix()}"
        below = client.get(path, headers={"X-Forwarded-Prefix": "/archive"})
        assert below.data == client.get(path).data == file.read_bytes()
        assert b"/viewer/" not in below.data, path


def test_prefix_that_is_no_path_is_not_repeated(client):
    for prefix in ("//elsewhere.example", '/"><script>', "archive", "/a b", "/a/../b", "/..", "/."):
        page = client.get("/viewer/", headers={"X-Forwarded-Prefix": prefix}).get_data(as_text=True)
        assert 'window.PUBLIC_URL="/viewer/"' in page


def test_without_viewer_a_page_says_so(app):
    made = create_app(app)
    made.extensions["pacs_viewer"] = None
    reply = made.test_client().get("/viewer/")
    assert reply.status_code == 404
    assert "fetch-viewer" in reply.get_data(as_text=True)
