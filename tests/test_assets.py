"""The assets sent to the browser are complete, pinned, have their licence, and contain no external addresses."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from scripts import assets
from scripts.assets import ROOT, VENDOR

SVG = "{http://www.w3.org/2000/svg}"
LOCK = json.loads((ROOT / "package-lock.json").read_text("utf-8"))


def names() -> list[str]:
    return (ROOT / "static" / "icons.txt").read_text("utf-8").split()


def test_the_lock_pins_every_package_by_its_content() -> None:
    packages = {name: package for name, package in LOCK["packages"].items() if name}
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())
    assert not [name for name, package in packages.items() if "resolved" in package]


def test_the_lock_names_what_is_asked_for() -> None:
    wanted = json.loads((ROOT / "package.json").read_text("utf-8"))
    asked = wanted["dependencies"] | wanted["devDependencies"]
    assert {name: LOCK["packages"][f"node_modules/{name}"]["version"] for name in asked} == asked


@pytest.mark.parametrize("name", ["htmx.min.js", "hx-sse.min.js", "icons.svg", "icons.LICENSE.txt"])
def test_set_up_brings(name: str) -> None:
    assert (VENDOR / name).stat().st_size > 1000


def test_the_sheet_holds_the_icons_that_are_named_and_our_mark() -> None:
    symbols = ET.parse(VENDOR / "icons.svg").getroot().findall(f"{SVG}symbol")
    assert [symbol.get("id") for symbol in symbols] == [*names(), "mark"], "`make setup` draws static/icons.txt anew"
    assert all(symbol.get("viewBox") == "0 0 24 24" and len(symbol) for symbol in symbols)


def test_the_sheet_keeps_its_licence_and_asks_for_nothing() -> None:
    sheet = (VENDOR / "icons.svg").read_text("utf-8")
    assert "ISC License" in sheet
    assert "Permission to use" in sheet
    assert not re.search(r"href|<script|<style|\bon\w+=", sheet)


def test_icons_are_listed_in_order_and_once() -> None:
    assert names() == sorted(set(names()))


def test_pages_use_only_icons_that_exist() -> None:
    pages = "".join(path.read_text("utf-8") for path in ROOT.glob("templates/**/*.html"))
    used = set(re.findall(r"""\bicon\(["']([a-z0-9-]+)["']""", pages)) | set(
        re.findall(r"icons\.svg[^\"<>]*#([a-z0-9-]+)", pages)
    )
    assert used <= {*names(), "mark"}


FONTS = VENDOR / "fonts"
FACES = re.findall(r'url\("\.\./vendor/(fonts/[\w-]+\.woff2)"\)', (ROOT / "static" / "css" / "fonts.css").read_text("utf-8"))


def test_set_up_cuts_the_fonts_that_the_style_sheet_declares_and_brings_their_licences() -> None:
    assert {path.name for path in FONTS.glob("*.woff2")} == {Path(face).name for face in FACES}
    for name in ("text", "maths"):
        assert "SIL OPEN FONT LICENSE" in (FONTS / f"{name}.LICENSE.txt").read_text("utf-8")


def test_a_page_with_text_italics_and_formulas_loads_at_most_120_kb_of_fonts() -> None:
    loaded = ("text-latin", "text-latin-italic", "maths")
    assert sum((FONTS / f"{name}.woff2").stat().st_size for name in loaded) < 120_000
    assert all((VENDOR / face).stat().st_size < 100_000 for face in FACES)


def test_what_was_copied_is_removed_and_what_the_tests_read_remains(tmp_path: Path) -> None:
    read = ("axe-core/axe.min.js", "commonmark-spec/spec.txt", "@biomejs/cli/biome")
    for name in ("mermaid/dist/mermaid.min.js", "@scope/x/y.js", ".lock.json", *read):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("something")
    assets.remove_copied(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"axe-core", "commonmark-spec", "@biomejs"}
    alone = (LOCK["packages"][f"node_modules/{name}"] for name in ("axe-core", "commonmark-spec"))
    assert not [package for package in alone if "dependencies" in package]


def test_what_is_fetched_or_made_is_not_checked_in() -> None:
    ignored = (ROOT / ".gitignore").read_text("utf-8").split()
    assert {"/.venv/", "/node_modules/", "/static/vendor/", "/data/", ".env"} <= set(ignored)
