"""Files of variables are read as systemd reads them, and as the `.env` files of other programs are written."""

import pytest
from hypothesis import given, strategies as st

from webapp.base.env_file import parse

URL = "postgresql://millrace:a&b@localhost/millrace?sslmode=require&options=-c%20x"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (f"A={URL}", URL),
        ("A=two words", "two words"),
        ("  A = two words  ", "two words"),
        ('A="two words"', "two words"),
        ("A='two words'", "two words"),
        ("A=", ""),
        ("A=\r\nB=2\r\n", ""),
        ("A=1\r\nB=2", "1"),
        ("\ufeffA=1", "1"),
        ("A=$HOME ${HOME} `id` $(id)", "$HOME ${HOME} `id` $(id)"),
        ('A="$HOME"', "$HOME"),
        (r'A="\$HOME \"x\" \\ \n"', r'$HOME "x" \ \n'),
        (r"A='\$HOME \\'", r"\$HOME \\"),
        (r"A=a\$b\\c\ d", "a$b\\c d"),
        ("A=one\\\ntwo", "onetwo"),
        ('A="one\ntwo"', "one\ntwo"),
        ('A="one\\\ntwo"', "onetwo"),
        ("A='one\ntwo'", "one\ntwo"),
        ("A=\"one\" 'two' three", "onetwothree"),
        ('A=a"b"', 'a"b"'),
        ("A=it's", "it's"),
        ("A=a#b", "a#b"),
        ("A=#b", "#b"),
        ("A=300000  # 5 minutes", "300000"),
        ("A=300000\t#5 minutes", "300000"),
        ("A= # nothing", ""),
        ('A="a # b" # c', "a # b"),
        ("A='a # b'", "a # b"),
        ("A=1\nA=2", "2"),
        ("A=x=y", "x=y"),
        ("# A=2\n;A=3\nA=1", "1"),
        ('A="open', "open"),
        ("A=end\\", "end"),
    ],
)
def test_a_value_is(text: str, value: str) -> None:
    assert parse(text)[0]["A"] == value


def test_lines_that_set_nothing_are_told_by_their_number() -> None:
    assert parse("A=1\n\nnonsense\n# comment\nexport B=2\n2C=3\n=4\n") == ({"A": "1"}, [3, 5, 6, 7])


def test_what_follows_a_value_is_read() -> None:
    assert parse("A='x\ny'\nB=\"z\"\n\n C=1") == ({"A": "x\ny", "B": "z", "C": "1"}, [])


@given(st.text("ab=#;'\"\\$ \t\r\n`", max_size=40))
def test_it_reads_anything(text: str) -> None:
    values, wrong = parse(text)
    assert len(values) + len(wrong) <= text.count("\n") + text.count("\r") + 1


@given(st.text(max_size=20).filter(lambda text: "'" not in text and "\r" not in text))
def test_in_single_quotes_everything_stands_as_it_is(text: str) -> None:
    assert parse(f"A='{text}'\nB=1")[0] == {"A": text, "B": "1"}
