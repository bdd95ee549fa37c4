"""The colour tokens have enough contrast in both themes, with every accent, and more when more is asked for."""

import math
import re
from pathlib import Path

import pytest

from webapp.people.preferences import ACCENTS

TOKENS = Path(__file__).parents[1] / "static" / "css" / "tokens.css"
PAPERS = ("paper", "raised", "sunken")
NUMBER = r"([\d.]+)"
OKLCH = rf"oklch\({NUMBER}% {NUMBER} {NUMBER}\)"
PAIR = re.compile(rf"--([\w-]+): light-dark\({OKLCH}, {OKLCH}\);")

BLOCK = re.compile(r"([^{}]+)\{([^{}]*)\}")
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
SAME = re.compile(r"--([\w-]+): var\(--([\w-]+)\);")
CHOSEN = [name or "water" for name in ACCENTS]

TEXT = [("ink", paper, 7.0) for paper in (*PAPERS, "water-wash", "amber-wash", "red-wash")]
SOFT = [(name, paper, 4.5) for name in ("ink-soft", "ink-faint") for paper in PAPERS]
CONTROLS = [("water", paper, 4.5) for paper in PAPERS] + [
    ("water-deep", "paper", 4.5),
    ("water-deep", "water-wash", 4.5),
    ("ink-soft", "amber-wash", 4.5),
    ("ink-soft", "red-wash", 4.5),
    ("water-ink", "water", 4.5),
    ("water-ink", "water-deep", 4.5),
]
SPEECH = [("speech", paper, 4.5) for paper in (*PAPERS, "water-wash")]
STATES = [(name, paper, 4.5) for name in ("amber", "red", "green") for paper in ("paper", "raised")]
CODE = [(f"code-{name}", "raised", 4.5) for name in ("word", "string", "number", "name", "comment")]
LINES = [("line-strong", paper, 3.0) for paper in PAPERS] + [("amber", "amber-wash", 3.0), ("red", "red-wash", 3.0)]


def luminance(lightness: float, chroma: float, hue: float) -> float:
    """Returns the relative luminance (WCAG) of an oklch colour on an sRGB screen."""
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
    red, green, blue = (min(max(part, 0.0), 1.0) for part in (red, green, blue))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: float, other: float) -> float:
    lighter, darker = max(one, other), min(one, other)
    return (lighter + 0.05) / (darker + 0.05)


def rules() -> list[tuple[str, str]]:
    """Returns the selectors and the declarations of the tokens' sheet."""
    return [(selector.strip(), body) for selector, body in BLOCK.findall(COMMENT.sub("", TOKENS.read_text("utf-8")))]


def palette(theme: int, *selectors: str) -> dict[str, float]:
    """Returns every colour's luminance in the light (0) or dark (1) theme, with the rules that also apply."""
    found: dict[str, float] = {}
    for body in (body for selector, body in rules() if selector in (":root", *selectors)):
        for match in PAIR.finditer(body):
            lightness, chroma, hue = (float(part) for part in match.groups()[1 + 3 * theme : 4 + 3 * theme])
            found[match[1]] = luminance(lightness / 100, chroma, hue)
        found |= {name: found[other] for name, other in SAME.findall(body) if other in found}
    return found


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("front", "back", "least"), TEXT + SOFT + CONTROLS + SPEECH + STATES + CODE + LINES)
def test_it_can_be_read(front: str, back: str, least: float, theme: int) -> None:
    colours = palette(theme)
    assert contrast(colours[front], colours[back]) >= least


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("accent", CHOSEN)
def test_every_accent_can_be_read(accent: str, theme: int) -> None:
    colours = palette(theme, f'[data-accent="{accent}"]')
    assert accent == "water" or colours["water"] != palette(theme)["water"]
    too_faint = [
        (front, back)
        for front, back, least in (*CONTROLS, ("ink", "water-wash", 7.0), ("speech", "water-wash", 4.5))
        if contrast(colours[front], colours[back]) < least
    ]
    assert too_faint == []


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("accent", CHOSEN)
def test_high_contrast_is_higher_for_all_that_is_read_and_for_every_line(accent: str, theme: int) -> None:
    colours = palette(theme, f'[data-accent="{accent}"]', '[data-contrast="more"]')
    read = ("ink", "ink-soft", "ink-faint", "water", "water-deep", "amber", "red", "green")
    pairs = [(front, back, 7.0) for front in read for back in ("paper", "raised")]
    pairs += [("water-ink", "water", 7.0), *((line, "paper", 3.0) for line in ("line", "line-strong"))]
    assert [(front, back) for front, back, least in pairs if contrast(colours[front], colours[back]) < least] == []


def test_high_contrast_is_the_same_chosen_or_asked_for_by_the_system() -> None:
    sheet = COMMENT.sub("", TOKENS.read_text("utf-8"))
    asked = re.search(r"@media \(prefers-contrast: more\) \{\s*:root \{([^}]*)\}", sheet)
    assert asked
    assert asked[1].split() == dict(rules())['[data-contrast="more"]'].split()


def test_white_on_black_is_the_greatest_contrast() -> None:
    assert contrast(luminance(1, 0, 0), luminance(0, 0, 0)) == pytest.approx(21, abs=0.01)


VEIL = re.compile(r"--veil: color-mix\(in srgb, var\(--paper\) (\d+)%, transparent\);")


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("backdrop", [0.0, 1.0], ids=["black", "white"])
@pytest.mark.parametrize(
    ("front", "least"),
    [
        ("ink", 7.0),
        *((name, 4.5) for name in ("ink-soft", "ink-faint", "water", "water-deep", "speech", "red", "amber", "green")),
    ],
)
def test_it_can_be_read_over_any_picture(front: str, least: float, backdrop: float, theme: int) -> None:
    match, colors = VEIL.search(TOKENS.read_text(encoding="utf-8")), palette(theme)
    assert match, "the veil over a chat's background is a token of its own"
    share = int(match[1]) / 100
    # As grey, which the papers nearly are.
    paper = colors["paper"] ** (1 / 2.4) * 1.055 - 0.055
    mixed = ((share * paper + (1 - share) * backdrop + 0.055) / 1.055) ** 2.4
    assert contrast(colors[front], mixed) >= least
