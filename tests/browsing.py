"""Opens pages in a headless Chromium and writes down all that they try to do.

`tests/browser/install.sh` gets what is needed; without it these tests are skipped.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent / "browser"
AXE = HERE / "node_modules" / "axe-core" / "axe.min.js"
INSTALL = "tests/browser/install.sh gets it on Debian and Ubuntu"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Chromium asks its maker's servers for this and that unless told not to.
FLAGS = (
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--force-color-profile=srgb",
)  # fmt: skip
# Violations of the page's policy are events of the document; whoever runs first hears them all.
_LISTEN = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.effectiveDirective));
"""


def chromium() -> str | None:
    """The browser, if there is one; CAPTION_ZOO_CHROMIUM names another."""
    names = (os.environ.get("CAPTION_ZOO_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, filter(None, names))), None)


@contextmanager
def launched() -> Iterator[Any]:
    """A headless browser, or a skipped test that says how to get one."""
    driver = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install 'caption-zoo[test]'")
    path = chromium()
    if path is None:
        pytest.skip(f"needs Chromium: {INSTALL}, or CAPTION_ZOO_CHROMIUM names one")
    with driver.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


class Visit:
    """A file open in a browser of its own cookies and size; what lies outside of its folder is refused.

    requests: every address asked for, its own included; said: all it logged and raised;
    dialogs: all it showed. `options` are those of a browser context, such as `color_scheme`.
    """

    def __init__(
        self, browser: Any, file: Path, *, width: int = 1280, height: int = 900, fragment: str = "", **options: Any
    ) -> None:
        self.file = file
        self.requests: list[str] = []
        self.said: list[str] = []
        self.dialogs: list[str] = []
        self.context = browser.new_context(viewport={"width": width, "height": height}, **options)
        self.context.set_default_timeout(10_000)
        self.page = self.context.new_page()
        self.context.route("**/*", self._guard)
        self.context.add_init_script(_LISTEN)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.said.append(f"raised: {error}"))
        self.page.on("dialog", self._dialog)
        self.page.goto(file.as_uri() + fragment)

    def _guard(self, route: Any) -> None:
        near = route.request.url.startswith(f"{self.file.parent.as_uri()}/")
        route.continue_() if near else route.abort()

    def _dialog(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    @property
    def address(self) -> str:
        """Where the page is, by its own account: `page.url` hears of a new fragment only later."""
        return str(self.page.evaluate("location.href"))

    @property
    def foreign(self) -> list[str]:
        """What was asked for beside the file itself."""
        return [address for address in self.requests if address.partition("#")[0] != self.file.as_uri()]

    @property
    def violations(self) -> list[str]:
        """The directives of the page's policy that were violated."""
        return self.page.evaluate("window.violations")

    def rules_broken(self, *rules: str) -> list[str]:
        """What axe-core finds wrong, each with where, by all rules or by these; skips the test without axe-core."""
        if not AXE.exists():
            pytest.skip(f"needs axe-core: {INSTALL}")
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate("only => axe.run(document, {runOnly: only})", list(rules) or RULES)
        self.rules_run = {rule["id"] for kind in ("passes", "violations", "inapplicable") for rule in found[kind]}
        return [
            f"{rule['id']}: {node['target']} {node['failureSummary']}"
            for rule in found["violations"]
            for node in rule["nodes"]
        ]

    def texts(self, selector: str) -> list[str]:
        """The text of every shown element that matches, on one line each."""
        shown = self.page.locator(selector).evaluate_all(
            "items => items.filter((item) => item.checkVisibility()).map((item) => item.textContent)"
        )
        return [" ".join(text.split()) for text in shown]

    def style(self, selector: str, name: str) -> str:
        """A property as the browser computed it, of the first match."""
        return self.page.locator(selector).first.evaluate("(item, name) => getComputedStyle(item)[name]", name)

    def overflow(self, selector: str = "html") -> int:
        """By how many pixels something is wider than the room it has."""
        return self.page.locator(selector).first.evaluate("item => item.scrollWidth - item.clientWidth")

    def close(self) -> None:
        """End the visit."""
        self.context.close()
