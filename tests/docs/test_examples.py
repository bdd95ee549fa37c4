"""Every example is run against a running server, and prints the answer of the demo."""

import re
import shutil
import sys
from pathlib import Path

import pytest
from gevent.pool import Pool

from tests.docs.snippets import node_command, printed_by
from tests.support.source import ROOT
from webapp.models.providers.demo_texts import THANKS

pytestmark = pytest.mark.slow

FOLDER = ROOT / "examples"
PROGRAMS = sorted(path for path in FOLDER.glob("*/*") if path.suffix in (".sh", ".py", ".mjs"))
# Examples that send a second request, without a stream.
TWICE = {"quick-chat/ask.py", "assistant/ask.py"}
# Curl prints the raw stream: the text is in these fields, one chunk each.
PIECE = re.compile(r'"(?:content|text)":"((?:[^"\\]|\\.)*)"')
TITLE = "Learn to row, step by step"
AT_ONCE = 6


def command_of(path: Path) -> list[str]:
    return {".sh": ["sh", str(path)], ".py": [sys.executable, str(path)], ".mjs": node_command(path)}[path.suffix]


def name_of(path: Path) -> str:
    return path.relative_to(FOLDER).as_posix()


@pytest.fixture(scope="module")
def printed(reader: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    def tried(path: Path) -> tuple[int, str]:
        return printed_by(command_of(path), tmp_path_factory.mktemp("example"), reader)

    # Plans take longest, so they start first.
    found = sorted(PROGRAMS, key=lambda path: path.parent.name != "plans")
    return dict(zip(map(name_of, found), Pool(AT_ONCE).map(tried, found), strict=True))


@pytest.mark.parametrize("name", [*map(name_of, PROGRAMS)])
def test_an_example_prints_the_answer(printed: dict[str, tuple[int, str]], name: str) -> None:
    if name.endswith(".sh") and not shutil.which("curl"):
        pytest.skip("there is no curl here")
    status, said = printed[name]
    assert status == 0, said

    if "/workflow." in name:
        assert all(line in said for line in ("How was your week overall?", "> good", "What went well?", "Done. Have a good week"))
        assert 'answers: {"mood":"good","win":"The garden","hours":0}' in said.replace('": ', '":').replace(', "', ',"'), said
    elif name.startswith("plans/"):
        assert TITLE in said, said
        assert re.search(r'"weeksCompleted":4' if name.endswith(".sh") else "Week 4 of 4", said), said
    elif name.endswith(".sh"):
        assert "".join(PIECE.findall(said)).replace("\\n", "\n").endswith(THANKS), said
    else:
        assert said == THANKS * (2 if name in TWICE else 1)


def test_the_list_names_every_example() -> None:
    page = (FOLDER / "README.md").read_text("utf-8")

    assert not [name for name in map(name_of, PROGRAMS) if f"({name})" not in page]
