"""The OHIF viewer's files: what is served, how, and what a page of it may talk to."""

import gzip
import io
import json
import tarfile
from pathlib import Path

import pytest

from pacs.errors import BadRequest
from pacs.web.viewer_package import install
from pacs.wsgi import create_app

PAGE = """<!doctype html><html><head><script>window.PUBLIC_URL="/"</script>
<script type="module" src="/init-service-worker.js"></script><script src="/app-config.js"></script>
<script defer src="/app.bundle.0123456789abcdef.js"></script>
<link href="/app.bundle.css" rel="stylesheet"></head></html>"""
SCRIPT = 'r.p="/";__webpack_require__.p = "/";fetch("/x");' + " " * 2000
FILES = {
    "package/package.json": json.dumps({"name": "@ohif/app", "version": "3.13.2", "license": "MIT"}),
    "package/LICENSE": "MIT",
    "package/dist/index.html": PAGE,
    "package/dist/app-config.js": "window.config = {}",
    "package/dist/app.bundle.0123456789abcdef.js": SCRIPT,
    "package/dist/app.bundle.css": "@font-face{src:url(/a.woff2)}",
    "package/dist/app.bundle.js.map": "{}",
    "package/dist/a.woff2": "font",
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
    assert script.startswith('r.p="/viewer/";__webpack_require__.p = "/viewer/";fetch("/x")')
    assert (folder / "app.bundle.css").read_text() == "@font-face{src:url(/viewer/a.woff2)}"
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


def test_config_names_relative_roots(client):
    text = client.get("/viewer/app-config.js").get_data(as_text=True)
    config = json.loads(text.removeprefix("window.config = ").rstrip(";\n"))
    (source,) = config["dataSources"]
    assert config["routerBasename"] == "/viewer/"
    assert source["configuration"]["qidoRoot"] == source["configuration"]["wadoRoot"] == "/dicom-web"
    assert "http" not in text


def test_without_viewer_a_page_says_so(app):
    made = create_app(app)
    made.extensions["pacs_viewer"] = None
    reply = made.test_client().get("/viewer/")
    assert reply.status_code == 404
    assert "fetch-viewer" in reply.get_data(as_text=True)
