"""Draws the portraits of the shipped characters from their SVG files, as the pictures that a first run stores."""

from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from scripts.assets import ROOT
from tests.browser.chromium import ARGUMENTS, executable

FOLDER = ROOT / "webapp" / "cli" / "portraits"
WIDTH, HEIGHT, QUALITY = 720, 960, 84
PAGE = "<style>body{{margin:0}}svg{{display:block;width:{width}px;height:{height}px}}</style>{svg}"


def drawn(svg: Path) -> None:
    """Writes the picture of one SVG file beside it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=ARGUMENTS)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.set_content(PAGE.format(width=WIDTH, height=HEIGHT, svg=svg.read_text("utf-8")))
        image = Image.open(BytesIO(page.screenshot()))
        browser.close()
    image.convert("RGB").save(svg.with_suffix(".webp"), "WEBP", quality=QUALITY, method=6)


if __name__ == "__main__":
    for file in sorted(FOLDER.glob("*.svg")):
        drawn(file)
        print(file.with_suffix(".webp").relative_to(ROOT))
