"""The disk on which a folder is, according to Linux's list of mounts."""

from pathlib import Path

import pytest
from flask import Flask

from webapp.operations.health.facts import network_disk, network_of, read_mounts

MOUNTS = """\
/dev/vda1 / ext4 rw,relatime 0 0
tmpfs /run tmpfs rw 0 0
nas:/millrace /srv nfs4 rw,vers=4.2 0 0
/dev/vdb1 /srv/local ext4 rw 0 0
//nas/our /mnt/our\\040house cifs rw 0 0
me@there: /home/me/there fuse.sshfs rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/var/lib/millrace", ""),
        ("/srv/millrace/data", "nfs4"),
        ("/srv", "nfs4"),
        ("/srvmillrace", ""),
        ("/srv/local/data", ""),
        ("/mnt/our house/data", "cifs"),
        ("/home/me/there", "fuse.sshfs"),
    ],
)
def test_a_network_disk_is_known_by_its_mount(folder: str, kind: str) -> None:
    assert network_of(Path(folder), MOUNTS) == kind


def test_where_nobody_knows_nothing_is_said() -> None:
    assert network_of(Path("/data"), "") == network_of(Path("/data"), "nonsense\n") == ""
    assert network_of(Path("/proc"), read_mounts()) == ""


def test_a_database_on_one_is_warned_of(app: Flask, tmp_path: Path) -> None:
    with app.app_context():
        [fact] = network_disk(f"nas:/ {tmp_path} nfs rw 0 0\n")
        assert (fact.tone, fact.words) == ("warn", f"The database is in {tmp_path}, on a network disk (nfs).")
        assert network_disk(f"/dev/vdb1 {tmp_path} ext4 rw 0 0\n") == []
