"""The tool `run_python`: values, prints, tracebacks, files of the chat, and programs that mean harm."""

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import gevent
import pytest

from tests.tools.built_in.conftest import NewContext
from webapp.base.errors import NotFound
from webapp.tools.built_in.run_python import CUT, NOTHING, run, unavailable
from webapp.tools.files import FileText, KeptFile, NewFile
from webapp.tools.tool import CallContext, ToolFailed


class Files:
    """The files of a chat, in memory."""

    def __init__(self, **texts: str) -> None:
        self.texts = {name.replace("_", "."): text for name, text in texts.items()}

    def keep(self, file: NewFile) -> KeptFile:
        raise AssertionError("the loop keeps files")

    def names(self) -> Sequence[str]:
        return list(self.texts)

    def read(self, name: str) -> FileText:
        if name not in self.texts:
            raise NotFound("No such file.")
        return FileText(self.texts[name], ("“sales.csv”",) if name == "sales.csv" else ())


def said(context: CallContext, code: str) -> str:
    return run(context, {"code": code}).text


def failure(context: CallContext, code: str) -> str:
    with pytest.raises(ToolFailed) as failed:
        run(context, {"code": code})
    return failed.value.message


def test_it_is_installed_for_the_tests() -> None:
    assert unavailable() == ""


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("2 ** 100", "1267650600228229401496703205376"),
        ("print('a')\nprint('b')\n'c'", "a\nb\nc"),
        ("[row for row in range(3)]", "[0, 1, 2]"),
        ("import math, json, re, csv, datetime, collections, itertools, decimal, random, functools\nmath.floor(2.5)", "2"),
        ("x = 1", NOTHING),
        ("10 ** 100000", "(a value that is too long to be shown)"),
        ("print('\\x1b[31m' + chr(0x202e) + 'red')", "[31mred"),
        ("'x' * 100000", "x" * 20_000 + "…"),
    ],
)
def test_it_returns_what_is_printed_and_the_last_value(new_context: NewContext, code: str, says: str) -> None:
    assert said(new_context(), code) == says


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("print('so far')\n1 / 0", "so far\nTraceback"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("x = = 1", "SyntaxError"),
        ("open('secret.txt')", "FileNotFoundError"),
        ("open('/etc/passwd').read()", "FileNotFoundError"),
        ("import socket", "ModuleNotFoundError"),
        ("import subprocess", "ModuleNotFoundError"),
        ("import os\nos.system('id')", "AttributeError"),
        ("import ctypes", "ModuleNotFoundError"),
        ("__import__('socket')", "Error"),
        ("().__class__.__bases__[0].__subclasses__()", "Error"),
    ],
)
def test_an_error_is_a_traceback_for_the_model(new_context: NewContext, code: str, says: str) -> None:
    assert says in failure(new_context(), code)


def test_the_environment_of_the_server_is_out_of_reach(new_context: NewContext, monkeypatch) -> None:
    monkeypatch.setenv("CANARY", "sings")
    assert "sings" not in said(new_context(), "import os\nprint(os.getenv('CANARY'), os.environ)")


def test_it_reads_and_writes_files_of_the_chat(new_context: NewContext) -> None:
    files = Files(sales_csv="mill,sum\nWeir,950\nMühle,50\n", other_txt="not named")
    code = """
import csv
rows = list(csv.DictReader(open('sales.csv')))
with open('total.csv', 'w') as file:
    file.write('total\\n%d\\n' % sum(int(row['sum']) for row in rows))
open('page.html', 'w').write('<p>')
rows[1]['mill']
"""
    result = run(replace(new_context(), files=files), {"code": code})
    assert result.text.startswith("Mühle\npage.html was not kept")
    assert [(file.name, file.content) for file in result.files] == [("total.csv", b"total\n1000\n")]
    assert result.outside == ("“sales.csv”",)
    changed = run(replace(new_context(), files=files), {"code": "open('sales.csv', 'a').write('x,1\\n')"})
    assert [file.name for file in changed.files] == ["sales.csv"]
    assert "FileNotFoundError" in failure(replace(new_context(), files=files), "name = 'other' + '.txt'\nopen(name)")


HOSTILE = {
    "an endless loop": "while True: pass",
    "a list": "x = [0] * 10 ** 9",
    "a text that doubles": "x = 'a'\nwhile True: x += x",
    "a text": "'a' * 10 ** 9",
    "recursion": "def f(): return f()\nf()",
    "a huge number": "9 ** 9 ** 9",
    "brackets": "(" * 40_000,
    "sleep": "import time\ntime.sleep(10 ** 6)",
    "files": "for i in range(10 ** 6): open(f'{i}.txt', 'w').write('x' * 10 ** 6)",
    "a pattern": "import re\nre.match('(a+)+$', 'a' * 40 + 'b')",
    "a nested value": "x = []\nfor i in range(10 ** 5): x = [x]\nx",
    "a million values": "list(range(10 ** 6))",
}


@pytest.mark.slow
@pytest.mark.parametrize("code", HOSTILE.values(), ids=HOSTILE)
def test_a_program_that_means_harm_ends_and_holds_up_nobody(new_context: NewContext, code: str) -> None:
    context, beats = new_context(), [time.monotonic()]

    def bystander() -> None:
        while True:
            gevent.sleep(0.02)
            beats.append(time.monotonic())

    watching = gevent.spawn(bystander)
    try:
        assert len(said(context, code)) <= 64_000
    except ToolFailed as failed:
        assert failed.message  # noqa: PT017
    finally:
        watching.kill()
    beats.append(time.monotonic())
    assert beats[-1] - beats[0] < 45
    assert max(later - earlier for earlier, later in pairwise(beats)) < 5


@pytest.mark.slow
def test_a_flood_is_cut(new_context: NewContext) -> None:
    text = said(new_context(), "for i in range(20000): print('x' * 100)")
    assert CUT in text
    assert len(text) < 65_000


@pytest.mark.slow
def test_a_stop_kills_the_program(new_context: NewContext) -> None:
    context = new_context()
    began = time.monotonic()
    stopping = gevent.spawn_later(1, context.stop.request, "stopped")
    assert failure(context, "while True: pass") == "The answer was stopped."
    assert time.monotonic() - began < 20
    stopping.get()
