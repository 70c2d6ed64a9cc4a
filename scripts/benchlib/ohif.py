"""How long OHIF takes to show the first image of a series of 500 slices, in Chromium with an empty cache.

Both servers stand behind the same nginx, which serves the same viewer, so that only DICOMweb differs.
"""

import os
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchlib.measures import Bench, Values
from benchlib.objects import CT, make_ct
from benchlib.servers import Server, free_ports
from benchlib.web import NGINX
from benchlib.wire import send_in_parallel
from pacs.web.viewer import app_config, usual_folder

CHROMIUM = "/usr/bin/chromium"
VIEWER = usual_folder()
_SLICES, _TIMES = 500, 3
# The canvas on the screen is drawn by a two-dimensional context: a point of it that is not black is an image.
_SHOWN = """() => [...document.querySelectorAll('canvas.cornerstone-canvas')].some(canvas => {
  const data = canvas.getContext('2d')?.getImageData(canvas.width / 2 - 40, canvas.height / 2 - 40, 80, 80).data
  return data && data.some((value, index) => index % 4 !== 3 && value > 0) })"""
# Milliseconds until now during which at least one request to DICOMweb was under way.
_WAITED = """() => {
  const asked = performance.getEntriesByType('resource').filter(each => each.name.includes('/dicom-web/'))
  let waited = 0, until = 0
  for (const each of asked.sort((one, other) => one.startTime - other.startTime)) {
    waited += Math.max(each.responseEnd - Math.max(each.startTime, until), 0)
    until = Math.max(until, each.responseEnd) }
  return waited }"""
_ARGUMENTS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


def first_image(bench: Bench, server: Server) -> Values:
    """Seconds from the address to the first image, and those in which DICOMweb was waited for: medians of three.

    The browser's cache is empty each time. The rest of the first is the viewer's own: starting, and drawing.
    """
    if not (NGINX.exists() and VIEWER.is_dir() and Path(CHROMIUM).exists()):
        return {}
    study = _fill(bench, server)
    with _behind_nginx(server) as port:
        address = f"http://127.0.0.1:{port}/viewer/viewer?StudyInstanceUIDs={study}"
        times, waits = zip(*(_opened(address) for _ in range(_TIMES)), strict=True)
    return {
        "OHIF first image of 500 slices, cold s": statistics.median(times),
        "OHIF waiting for DICOMweb until then s": statistics.median(waits),
    }


def _fill(bench: Bench, server: Server) -> str:
    http = server.http()
    bench.runs += 1
    known = {row["0020000D"]["Value"][0] for row in http.json("/studies?limit=5000")}
    slices = [make_ct(str(bench.runs), 0, number, bench.pixels) for number in range(_SLICES)]
    send_in_parallel(server.dimse_port, server.aet, [slices], CT)
    server.wait_until_queryable(_SLICES)
    (new,) = {row["0020000D"]["Value"][0] for row in http.json("/studies?limit=5000")} - known
    return str(new)


def _opened(address: str) -> tuple[float, float]:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only this figure needs it

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        try:
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            started = time.monotonic()
            page.goto(address)
            page.wait_for_function(_SHOWN, polling=50, timeout=180_000)
            return time.monotonic() - started, page.evaluate(_WAITED) / 1000
        finally:
            browser.close()


@contextmanager
def _behind_nginx(server: Server) -> Iterator[int]:
    """A port with the viewer, and the server's DICOMweb under /dicom-web."""
    (port,) = free_ports(1)
    http = server.http()
    folder = server.folder / "nginx-ohif"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "app-config.js").write_text(app_config())
    lines = " ".join(f"proxy_set_header {name} '{value}';" for name, value in http.headers.items())
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"daemon off; {user} worker_processes 2; pid {folder}/pid; error_log /dev/null; events {{}}"
        " http { types { text/html html; text/javascript js; text/css css; application/wasm wasm; image/svg+xml svg; }"
        f" access_log off; sendfile on; gzip_static on; server {{ listen 127.0.0.1:{port};"
        f" location = /viewer/app-config.js {{ alias {folder}/app-config.js; }}"
        f" location /viewer/ {{ alias {VIEWER}/; try_files $uri $uri/ /viewer/index.html;"
        " add_header Cross-Origin-Opener-Policy same-origin; add_header Cross-Origin-Embedder-Policy require-corp; }"
        f" location /dicom-web/ {{ {lines} proxy_http_version 1.1; proxy_set_header Connection '';"
        f" proxy_set_header Host 127.0.0.1:{port}; proxy_pass http://127.0.0.1:{http.port}/dicom-web/; }} }} }}"
    )
    process = subprocess.Popen([str(NGINX), "-c", str(folder / "nginx.conf")], stderr=subprocess.DEVNULL)
    try:
        time.sleep(1)
        yield port
    finally:
        process.terminate()
        process.wait(10)
