"""Take docs/leaderboard.png, the picture of the README: the head of the leaderboard page that docs/leaderboard gives.

python docs/picture.py     needs Chromium, see tests/browser/install.sh
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from benchmarks.leaderboard import write
from benchmarks.records.record import records

DOCS = Path(__file__).resolve().parent
SIZE = {"width": 1180, "height": 1240}


def main() -> None:
    """Write the picture."""
    program = os.environ.get("CAPTION_ZOO_CHROMIUM") or shutil.which("chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        write(records(DOCS / "leaderboard"), Path(folder))
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        page.goto((Path(folder) / "index.html").as_uri())
        page.screenshot(path=DOCS / "leaderboard.png")
        browser.close()
    sys.stdout.write(f"{DOCS / 'leaderboard.png'}\n")


if __name__ == "__main__":
    main()
