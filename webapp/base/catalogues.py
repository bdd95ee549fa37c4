"""Compiles the catalogues of languages: `languages/*.po` of Millrace, and those of an operator beside the database."""

import json
import logging
import re
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

# Of a pattern of days: a quoted text, or a field.
PATTERN = re.compile(r"'[^']*'|y+|M+|L+|d+")
FIELDS = {
    **dict.fromkeys(("y", "yyyy"), "{year}"),
    "yy": "{short_year:02}",
    **dict.fromkeys(("MMMM", "LLLL"), "{month}"),
    **dict.fromkeys(("MMM", "LLL"), "{short_month}"),
    "MM": "{number:02}",
    "M": "{number}",
    "dd": "{day:02}",
    "d": "{day}",
}
log = logging.getLogger("languages")


def sources(*folders: Path) -> dict[str, Path]:
    """Returns the catalogues of these folders by their languages; one of a later folder wins."""
    return {file.stem: file for folder in folders for file in sorted(folder.glob("*.po"))}


def compiled_in(data_dir: Path) -> Path:
    """Returns the folder of what is compiled."""
    return data_dir / "compiled" / "languages"


def compile_all(files: Iterable[Path], target: Path) -> None:
    """Writes what pages are made with, `de.mo` for `de.po`, and removes what has no source any more."""
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    compiled = {file.stem: catalogue for file in files if (catalogue := _compiled(file))}
    for code, (content, name) in compiled.items():
        (target / f"{code}.mo").write_bytes(content)
        (target / f"{code}.json").write_text(json.dumps(formats_of(code) | ({"name": name} if name else {})), "utf-8")
    for file in (file for file in target.glob("*.*") if file.stem not in compiled):
        file.unlink()


def formats_of(code: str) -> dict[str, object]:
    """Returns what a language calls itself, and how it writes numbers, days and lists, by the Unicode CLDR.

    Nothing for a language that is not in it.
    """
    # Late, as a server never needs it.
    from babel import Locale, UnknownLocaleError

    try:
        locale = Locale.parse(code, sep="-")
    except (ValueError, UnknownLocaleError):
        return {}
    symbols = locale.number_symbols.get("latn", {})
    months = {width: [locale.months["format"][width][number] for number in range(1, 13)] for width in ("wide", "abbreviated")}
    alone = [locale.months["stand-alone"]["wide"][number] for number in range(1, 13)]
    name = locale.get_display_name() or code
    return {
        "name": name[:1].upper() + name[1:],
        "group": symbols.get("group", ","),
        "decimal": symbols.get("decimal", "."),
        "months": months["wide"],
        "short_months": months["abbreviated"],
        "only_months": alone,
        "only_month": _template(locale.datetime_skeletons["yMMMM"].pattern),
        "day": _template(locale.date_formats["long"].pattern),
        "short_day": _template(locale.date_formats["medium"].pattern),
        "day_of_year": _template(locale.datetime_skeletons["MMMd"].pattern),
        "between": _between(locale.list_patterns["standard"]["middle"]),
        "before_last": _between(locale.list_patterns["standard"]["end"]),
    }


def _template(pattern: str) -> str:
    """Returns a pattern of days, such as `d. MMMM y`, as a template of `str.format`."""
    return PATTERN.sub(lambda match: FIELDS.get(match[0], match[0].replace("'", "") or "'"), pattern)


def _between(pattern: str) -> str:
    return pattern.replace("{0}", "").replace("{1}", "")


def _compiled(file: Path) -> tuple[bytes, str] | None:
    """Returns what gettext reads, and the name of the language as its team has it; nothing for a file that is no catalogue."""
    # Late, as a server never needs it.
    from babel.messages import mofile, pofile

    content = BytesIO()
    try:
        with file.open("rb") as source:
            catalogue = pofile.read_po(source, abort_invalid=True)
        mofile.write_mo(content, catalogue)
    except (OSError, ValueError, pofile.PoFileError) as error:
        log.warning("%s is no catalogue of a language, and left out: %s", file, error)
        return None
    team = catalogue.language_team or ""
    return content.getvalue(), "" if "<" in team else team
