"""Makes the folder that `/viewer` serves out of the npm package @ohif/app: trimmed, moved, precompressed.

The package wants the root of a host. What is made works below any path: its page is the only file that names where it
stands, and the server says in it what a proxy's prefix makes of that. All else finds its way from there when it runs.
"""

import gzip
import hashlib
import json
import re
import shutil
import tarfile
import tempfile
from pathlib import Path

import zstandard

from pacs.errors import BadRequest

BASE = "/viewer/"
LAYOUT = 3  # 1 worked below /viewer/ only, 2 listed no study beside one without a modality; `--once` fetches such again
PAGE = "index.html"  # sent as made for the request, so not compressed beforehand
# The ONNX runtime is 140 of 200 MB and serves an experiment; service workers are fetched from another host. The
# microscopy viewer stays: without it slides stay black, and 10 MB are fetched only when one is opened.
DROPPED = (
    "ort", "customizations", "app-config.js", "app-config-es5.js", "es6-shim.min.js",
    "google.js", "init-service-worker.js", "oidc-client.min.js", "silent-refresh.html", "sw.js", "_headers",
    "_redirects",
)  # fmt: skip
COMPRESSED = frozenset((".css", ".html", ".js", ".json", ".svg", ".wasm"))
# Where the viewer stands when it runs: pages are told by the server, workers stand there themselves.
_HERE = '(self.PUBLIC_URL||new URL(".",self.location).pathname)'
_ROOT_OF_SCRIPTS = re.compile(r'(\.p\s*=\s*)"/"(?=\s*[;,])')
_ROOT_OF_IMPORTS = re.compile(r"(?=['\"]/(?:dicom-microscopy-viewer|ort)/)(['\"])/")
_ROOT_OF_STYLES = re.compile(r"url\((['\"]?)/(?!/)")
_ROOT_OF_LINKS = re.compile(r'((?:href|src|content)=")/(?!/)')
_ROOT_OF_FACTS = re.compile(r'"/(?!/)')
_ROOT_OF_PAGE = re.compile(r'(window\.PUBLIC_URL\s*=\s*)"/"')
# The study list fails as a whole over a study without any modality, whose attribute is there and empty (2026-11, 3.13).
_MODALITIES = re.compile(r"(?<=\bModalitiesInStudy\.Value)(?=\.length\b)")
_WORKER = re.compile(r'<script[^>]*src="[^"]*init-service-worker\.js"[^>]*></script>')


def install(package: Path, folder: Path) -> dict[str, object]:
    """Replace `folder` by the viewer; returns what its VERSION.json says. Raises `BadRequest` for another package."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".viewer-"))
    try:
        try:
            with tarfile.open(package) as archive:
                archive.extractall(work, filter="data")
        except tarfile.TarError:
            raise BadRequest("that is no package as npm packs them") from None
        made = work / "package" / "dist"
        facts = _facts(package, work / "package")
        _trim(made)
        _move_to_base(made)
        for path in made.glob("*.js"):
            _replace(path, [(_MODALITIES, "?")])
        shutil.copy(work / "package" / "LICENSE", made / "LICENSE")
        (made / "VERSION.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        _compress(made)
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return facts


def _facts(package: Path, unpacked: Path) -> dict[str, object]:
    if not (unpacked / "dist" / PAGE).is_file():
        raise BadRequest("that package is not @ohif/app")
    said = json.loads((unpacked / "package.json").read_text(encoding="utf-8"))
    digest = hashlib.sha512(package.read_bytes()).hexdigest()
    facts = {"name": said["name"], "version": said["version"], "license": said["license"], "sha512": digest}
    return facts | {"layout": LAYOUT}


def _trim(folder: Path) -> None:
    for name in DROPPED:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for path in [*folder.rglob("*.map"), *folder.rglob("*.txt")]:
        path.unlink()


def _move_to_base(folder: Path) -> None:
    """The bundle expects the origin's root: scripts find where they stand, styles and manifests get relative paths."""
    changed = 0
    for path in folder.glob("*.js"):
        changed += _replace(path, [(_ROOT_OF_SCRIPTS, rf"\1{_HERE}"), (_ROOT_OF_IMPORTS, rf"{_HERE}+\1")])
    for path in folder.glob("*.css"):
        changed += _replace(path, [(_ROOT_OF_STYLES, r"url(\1")])
    page = [(_WORKER, ""), (_ROOT_OF_LINKS, rf"\1{BASE}"), (_ROOT_OF_PAGE, rf'\1"{BASE}"')]
    if not _replace(folder / PAGE, page) or changed < 2:
        raise BadRequest("this version of OHIF names its root in another way; it was not installed")
    if (folder / "manifest.json").exists():
        _replace(folder / "manifest.json", [(_ROOT_OF_FACTS, '"')])
    for path in (folder / "assets").glob("*"):  # what phones and desktops ask for names its pictures
        if path.suffix in (".json", ".webapp", ".xml"):
            _replace(path, [(re.compile(r'"/assets/'), '"')])


def _replace(path: Path, changes: list[tuple[re.Pattern[str], str]]) -> bool:
    before = text = path.read_text(encoding="utf-8")
    for pattern, new in changes:
        text = pattern.sub(new, text)
    if text == before:
        return False
    path.write_text(text, encoding="utf-8")
    return True


def _compress(folder: Path) -> None:
    for path in [each for each in folder.rglob("*") if each.suffix in COMPRESSED and each.name != PAGE]:
        content = path.read_bytes()
        if len(content) >= 1024:
            Path(f"{path}.gz").write_bytes(gzip.compress(content, 9, mtime=0))
            Path(f"{path}.zst").write_bytes(zstandard.ZstdCompressor(level=17).compress(content))
