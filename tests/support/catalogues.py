"""Catalogues of languages for tests."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo

from webapp.base.languages import FIXED

ACCENTS = str.maketrans("aeiouAEIOU", "áéíóúÁÉÍÓÚ")
# What a translation keeps.
KEPT = re.compile(rf"({FIXED.pattern})")


def bracketed(text: str) -> str:
    """Returns a text in brackets and with accents, as a made-up language has it."""
    return f"[{''.join(part if odd % 2 else part.translate(ACCENTS) for odd, part in enumerate(KEPT.split(text)))}]"


def write_catalogue(
    folder: Path, code: str, texts: Mapping[str | tuple[str, ...], str | tuple[str, ...]], *, name: str = ""
) -> None:
    """Writes what is compiled of a language with these texts."""
    catalogue = Catalog(locale=code.replace("-", "_"), language_team=name or code)
    for text, translated in texts.items():
        catalogue.add(text, translated)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{code}.json").write_text(json.dumps({"name": name or code}), "utf-8")
    with (folder / f"{code}.mo").open("wb") as file:
        write_mo(file, catalogue)
