"""Modules that use private parts of a library say of which version: they are read again when it changes."""

from importlib.metadata import version

import pytest

from tests.support.source import ROOT

# By module: the libraries whose private or overridden parts it uses, and the versions with which that was checked.
CHECKED = {
    "webapp/base/database/statements.py": {"SQLAlchemy": "2.1.9"},
    "webapp/base/process/patching.py": {"gevent": "26.9.0"},
    "webapp/web/addresses.py": {"werkzeug": "3.1.9"},
    "webapp/web/server/master.py": {"gunicorn": "27.0.1"},
    "webapp/web/server/worker.py": {"gunicorn": "27.0.1"},
}


@pytest.mark.parametrize("name", CHECKED)
def test_a_module_with_private_parts_knows_the_version(name: str) -> None:
    assert (ROOT / name).is_file(), "the module has moved: move its line in CHECKED"
    found = {library: version(library) for library in CHECKED[name]}
    assert found == CHECKED[name], f"compare what {name} overrides or reads with the new version, then enter that in CHECKED"
