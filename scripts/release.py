"""Makes a release in `dist/`: checks what it needs, and writes archives, checksums, a list of what is inside, and the tag's text.

Archives are the same bytes whenever they are made from the same commit.
"""

import base64
import gzip
import hashlib
import io
import json
import re
import subprocess
import sys
import tarfile
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from scripts import env_example, reference
from webapp.base.version import VERSION

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
# What browsers get is drawn and copied by `make setup`, so that an archive needs no npm.
ASSETS = ROOT / "static" / "vendor"
NOTES = re.compile(rf"^## {re.escape(VERSION)}\n(.*?)(?=^## |\Z)", re.M | re.S)
# Words of the notes of one release: more is not read.
MOST_WORDS = 900
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)(.*(?:\n .*)*)", re.M)
# It cuts the fonts; nothing of it is in what browsers get.
FONT_TOOL = "subset-font"
# Only an older Python or another system installs these, and neither the lock nor the registry's hashes say what their licence is.
NOT_EVERYWHERE = {"async-timeout": "Apache-2.0", "tzdata": "Apache-2.0"}
HASH = re.compile(r"--hash=sha256:(\w+)")
COPIED = re.compile(r"^COPY (?!--from)(.+) \S+$", re.M)


def main() -> None:
    if faults := list(missing()):
        sys.exit("This can't be released:\n" + "\n".join(f"- {fault}" for fault in faults))
    DIST.mkdir(exist_ok=True)
    for path in DIST.iterdir():
        path.unlink()
    source, context = DIST / f"millrace-{VERSION}.tar.gz", DIST / f"millrace-{VERSION}-container.tar.gz"
    pack(source, [*tracked(), *assets()])
    pack(context, context_files())
    (DIST / f"millrace-{VERSION}.cdx.json").write_text(json.dumps(parts_list(), indent=2) + "\n", "utf-8")
    (DIST / "TAG").write_text(tag_text(), "utf-8")
    (DIST / "SHA256SUMS").write_text("".join(checksums(sorted(DIST.iterdir()))), "utf-8")
    for path in sorted(DIST.iterdir()):
        print(f"{path.relative_to(ROOT)}  {path.stat().st_size:,} bytes")
    print(f"Next: git tag --annotate v{VERSION} --file dist/TAG")


def missing() -> Iterator[str]:
    """Yields what a release needs and this tree lacks."""
    if git("status", "--porcelain"):
        yield "The tree has changes that aren't committed."
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)
    if headings[:1] != [VERSION]:
        yield f"CHANGELOG.md must begin with ## {VERSION}, the version in webapp/base/version.py, and not with ## {headings[0]}."
    if (words := len(notes().split())) > MOST_WORDS:
        yield f"The notes of {VERSION} have {words} words. Say it in {MOST_WORDS}."
    if f"v{VERSION}" in git("tag", "--list").split():
        yield f"The tag v{VERSION} exists. Enter the next version in webapp/base/version.py."
    for name in ("LICENSE", "SECURITY.md", "README.md", "package-lock.json"):
        if not (ROOT / name).is_file():
            yield f"{name} is missing."
    if not ASSETS.is_dir():
        yield "static/vendor is missing. Run make setup."
    for name, text in ((".env.example", env_example.example()), ("docs/configuration.md", reference.reference())):
        if (ROOT / name).read_text("utf-8") != text:
            yield f"{name} is out of date. Run make fix."


def notes() -> str:
    found = NOTES.search((ROOT / "CHANGELOG.md").read_text("utf-8"))
    return found[1].strip() if found else ""


def tag_text() -> str:
    return f"Millrace {VERSION}\n\n{notes()}\n"


def tracked() -> list[Path]:
    return [ROOT / name for name in git("ls-files").splitlines()]


def assets() -> list[Path]:
    return sorted(path for path in ASSETS.rglob("*") if path.is_file())


def context_files() -> list[Path]:
    """Returns what deploy/Containerfile copies, and its folder, with the compose files."""
    file = ROOT / "deploy" / "Containerfile"
    copied = {name for names in COPIED.findall(file.read_text("utf-8")) for name in names.split()} | {"deploy", ".dockerignore"}
    return [path for path in tracked() if copied & {str(parent) for parent in lineage(path)}]


def lineage(path: Path) -> list[Path]:
    """Returns a path below the root and the folders that it is in."""
    here = path.relative_to(ROOT)
    return [here, *here.parents]


def pack(archive: Path, files: Iterable[Path]) -> None:
    """Writes files below a folder with the version's name; made files are a second newer, so that make leaves them alone."""
    made_at = int(git("log", "-1", "--format=%ct"))
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(files):
            info, content = tarfile.TarInfo(f"millrace-{VERSION}/{path.relative_to(ROOT)}"), as_exported(path)
            info.size, info.mtime = len(content), made_at + (ASSETS in path.parents)
            info.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
            tar.addfile(info, io.BytesIO(content))
    archive.write_bytes(gzip.compress(packed.getvalue(), mtime=made_at))


def as_exported(path: Path) -> bytes:
    """Returns a file as `git archive` would: the one that names the commit has it filled in."""
    return path.read_bytes().replace(b"$Format:%h$", git("log", "-1", "--format=%h").encode())


def parts_list() -> dict[str, object]:
    """Returns a CycloneDX list of the packages that run with this release."""
    python = PINNED.findall((ROOT / "requirements.lock").read_text("utf-8"))
    npm = json.loads((ROOT / "package-lock.json").read_text("utf-8"))["packages"]
    parts = [
        component(
            "pypi", name.lower(), version, python_licence(name, version), [("SHA-256", hash) for hash in HASH.findall(rest)]
        )
        for name, version, rest in sorted(python)
    ]
    for name in sorted(npm[""]["dependencies"].keys() - {FONT_TOOL}):
        about = npm[f"node_modules/{name}"]
        sha512 = base64.b64decode(about["integrity"].removeprefix("sha512-")).hex()
        parts.append(component("npm", name, about["version"], about["license"], [("SHA-512", sha512)]))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, git('rev-parse', 'HEAD'))}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(int(git("log", "-1", "--format=%ct")), UTC).isoformat(),
            "component": {
                "type": "application",
                "name": "millrace",
                "version": VERSION,
                "licenses": [{"license": {"id": "MIT"}}],
            },
        },
        "components": parts,
    }


def component(registry: str, name: str, version: str, licence: str, hashes: Iterable[tuple[str, str]]) -> dict[str, object]:
    """Returns a package with its licence and the hashes of the files that its registry has of this version."""
    address = f"pkg:{registry}/{name.replace('@', '%40')}@{version}"
    return {
        "type": "library",
        "name": name,
        "version": version,
        "purl": address,
        "bom-ref": address,
        "licenses": [{"license": {"name": licence}}],
        "hashes": [{"alg": kind, "content": content} for kind, content in hashes],
    }


def python_licence(name: str, version: str) -> str:
    """Returns what the installed package says: an SPDX expression, or else the name of a licence."""
    if licence := NOT_EVERYWHERE.get(name.lower()):
        return licence
    try:
        about = metadata(name)
    except PackageNotFoundError:
        sys.exit(f"{name} isn't installed here: name its licence in NOT_EVERYWHERE of scripts/release.py.")
    if about["Version"] != version:
        sys.exit(f"{name} {about['Version']} is installed, and {version} is in requirements.lock. Run make setup.")
    named = [words.rpartition(" :: ")[2] for words in about.get_all("Classifier", []) if words.startswith("License ::")]
    stated = about["License-Expression"] or ", ".join(named) or about["License"] or ""
    return stated.partition("\n")[0] or sys.exit(f"{name} doesn't name its licence.")


def checksums(files: Iterable[Path]) -> Iterator[str]:
    return (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)


def git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
