"""The commands and programs in the pages run, and print what the pages state."""

from collections.abc import Callable
from pathlib import Path

import pytest
from gevent.pool import Pool

from tests.docs.snippets import Snippet, matches, run, snippets
from tests.support.source import ROOT

WAITS = {"not-run", "in-the-copy"}
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("docs/dialects/*.md"))]
AT_ONCE = 6
Trouble = dict[str, list[str]]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def typed(path: Path) -> list[Snippet]:
    return [snippet for snippet in snippets(path, name_of(path)) if not WAITS & set(snippet.words)]


RUN = [path for path in PAGES if typed(path)]


@pytest.fixture(scope="module")
def trouble(reader: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Trouble:
    """The failures by page; pages mostly wait for answers, so several are run concurrently."""

    def tried(path: Path) -> list[str]:
        return run(typed(path), tmp_path_factory.mktemp("page"), reader)

    return dict(zip(map(name_of, RUN), Pool(AT_ONCE).map(tried, RUN), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("page", [*map(name_of, RUN)])
def test_every_snippet_does_what_the_page_says(trouble: Trouble, page: str) -> None:
    assert not trouble[page], "\n".join(trouble[page])


@pytest.mark.slow
def test_a_wrong_address_is_noticed(reader: dict[str, str], tmp_path: Path) -> None:
    def snippet(line: int, language: str, text: str, output: str | None = None) -> Snippet:
        return Snippet("page.md", line, language, (), text, output)

    found = run(
        [
            snippet(1, "sh", 'curl -sS "$BASE/api/v1/mine" -H "Authorization: Bearer $TOKEN"\n'),
            snippet(2, "python", "import requests\nrequests.get(f'{BASE}/api/v1/mine').raise_for_status()\n"),
            snippet(3, "js", "if (!(await fetch(`${BASE}/api/v1/mine`)).ok) throw new Error('refused')\n"),
            snippet(4, "python", "print('four')\n", "five\n"),
        ],
        tmp_path,
        reader,
    )

    assert [words.partition(" ")[0] for words in found] == [f"page.md:{line}" for line in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    ("printed", "said", "is_so"),
    [
        ('{"id":"1","role":"owner"}\n', '{"id":"…","role":"owner"}\n', True),
        ('{"id":"1","role":"guest"}\n', '{"id":"…","role":"owner"}\n', False),
        ("one\ntwo\nthree\n", "one\n…\nthree\n", True),
        ("one\nthree\n", "one\n…\nthree\n", True),
        ("one\nfour\n", "one\n…\nthree\n", False),
        ("one\ntwo\n", "one\n", False),
        ("a (b) [c]*", "a (b) [c]*", True),
    ],
)
def test_dots_stand_for_anything_and_nothing_else_does(printed: str, said: str, is_so: bool) -> None:
    assert matches(printed, said) is is_so


def test_the_pages_have_snippets_in_every_language() -> None:
    found: Callable[[str], list[Snippet]] = lambda language: [  # noqa: E731
        snippet for path in RUN for snippet in typed(path) if snippet.language == language
    ]
    assert all(found(language) for language in ("sh", "python", "js"))
