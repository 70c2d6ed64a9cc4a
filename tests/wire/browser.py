"""A real browser for tests of pages and viewers: Debian's Chromium without a window."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

CHROMIUM = Path("/usr/bin/chromium")
# Without a graphics card WebGL is drawn by the processor.
_ARGUMENTS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


class Visit:
    """A page, every request that it made, and all that went wrong in it."""

    def __init__(self, page: Any, root: str) -> None:
        self.page, self.root = page, root
        self.requests: list[str] = []
        self.faults: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        page.on("response", self._on_response)

    def _on_response(self, response: Any) -> None:
        if response.status >= 400:
            self.faults.append(f"{response.status} {response.url}")

    def outside(self, *inside: str) -> list[str]:
        """Requests to anything but these paths of the server."""
        ours = tuple(self.root + path for path in inside)
        return [each for each in self.requests if not each.startswith((*ours, "blob:", "data:"))]

    def until(self, condition: Callable[[], Any]) -> None:
        """Wait until something is true of the page, whose policy allows no scripts of a test's."""
        for _ in range(600):
            if condition():
                return
            self.page.wait_for_timeout(100)
        raise AssertionError(f"it did not come true in time; {self.faults}")

    def shows_red(self, selector: str) -> bool:
        """Whether something in the first such element is drawn in a warm colour, as results over grey images are."""
        red, _, blue = Image.open(io.BytesIO(self.page.locator(selector).first.screenshot())).convert("RGB").split()
        return sum(ImageChops.subtract(red, blue).histogram()[24:]) > 16

    def shows_picture(self, selector: str) -> bool:
        """Whether the first such element is no plain area."""
        found = self.page.locator(selector).first
        if not found.count():
            return False
        colours = Image.open(io.BytesIO(found.screenshot())).convert("L").getcolors(256) or []
        return len(colours) > 16


@contextmanager
def browser() -> Iterator[Any]:
    """A browser, whose `new_context` has no cookies; skips where there is no Chromium."""
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed: scripts/test does that")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(CHROMIUM), args=_ARGUMENTS)
        try:
            yield running
        finally:
            running.close()
