"""Compiles the catalogues of languages: `languages/*.po` of Millrace, and those of an operator beside the database."""

import logging
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

log = logging.getLogger("languages")


def sources(*folders: Path) -> dict[str, Path]:
    """Returns the catalogues of these folders by their languages; one of a later folder wins."""
    return {file.stem: file for folder in folders for file in sorted(folder.glob("*.po"))}


def compile_all(files: Iterable[Path], target: Path) -> None:
    """Writes what pages are made with, `de.mo` for `de.po`, and removes what has no source any more."""
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    compiled = {target / f"{file.stem}.mo": content for file in files if (content := _compiled(file))}
    for file, content in compiled.items():
        file.write_bytes(content)
    for file in set(target.glob("*.mo")) - compiled.keys():
        file.unlink()


def _compiled(file: Path) -> bytes:
    # Late, as a server never needs it.
    from babel.messages import mofile, pofile

    content = BytesIO()
    try:
        with file.open("rb") as source:
            mofile.write_mo(content, pofile.read_po(source, abort_invalid=True))
    except (OSError, ValueError, pofile.PoFileError) as error:
        log.warning("%s is no catalogue of a language, and left out: %s", file, error)
        return b""
    return content.getvalue()
