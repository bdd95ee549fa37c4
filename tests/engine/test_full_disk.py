"""A disk that is full when the server shuts down: text newer than the last journal entry is recovered at the next start."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.engine.bench import Bench
from webapp.engine.state import reserve
from webapp.engine.state.reserve import Reserve, lines_in
from webapp.engine.tables import JournalRow
from webapp.settings.service import set_setting

pytestmark = pytest.mark.slow


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A separate file system of eight megabytes; without the right to mount, a folder that can be made read-only."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid():
        yield folder
        folder.chmod(0o700)
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Fills the disk: nothing more can be written to it."""
    if os.geteuid():
        folder.chmod(0o500)
        return
    with (folder / "filler").open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    assert not os.statvfs(folder).f_bavail


def test_what_a_full_disk_does_not_take_is_in_the_reserve(small_disk, bench, fake, make_app):
    with bench.app.app_context():
        set_setting("restart.policy", "never")
    bench.engine.reserve = Reserve(small_disk, bench.engine.worker.id)
    bench.engine.data_dir = small_disk / "data"
    bench.recover()
    fake.counts(120, pace=0.005, holds=[40, 80])
    id = bench.ask(person=bench.person())
    bench.until(lambda: bench.engine.live[id].journalled > 3)
    with bench.refusing("generations"):
        fill(small_disk)
        so_far = bench.said(id)
        fake.goes_on()
        bench.until(lambda: len(bench.said(id)) > len(so_far) + 100)
        bench.engine.finish(seconds=0.3)
        said = bench.said(id)
        bench.engine.wait_closed(0)
    bench.engine.live[id].run.stop.request("taken")
    [file] = small_disk.glob("*.lines")
    assert len(lines_in(file)) == 1
    bench.engine.worker.id = "nobody"

    other = Bench(make_app(**fake.environ))
    found = other.engine.data_dir / "reserve" / file.name
    found.parent.mkdir(exist_ok=True)
    found.write_bytes(file.read_bytes())
    other.recover()

    assert other.message(id).content == said
    assert other.generation(id).reason == "server_restart"
    assert not found.exists()


def test_what_a_full_disk_does_not_take_survives_a_kill(small_disk, bench, fake, make_app):
    with bench.app.app_context():
        set_setting("restart.policy", "never")
    bench.engine.reserve = Reserve(small_disk, bench.engine.worker.id)
    bench.recover()
    fake.counts(120, pace=0.005, holds=[40, 80, 110])
    id = bench.ask(person=bench.person())
    bench.until(lambda: bench.engine.live[id].journalled > 3)
    live = bench.engine.live[id]
    with bench.refusing(JournalRow.__tablename__, "INSERT"):
        fill(small_disk)
        for reached in ("w000079", "w000109"):
            fake.goes_on()
            bench.until(lambda reached=reached: reached in bench.said(id))
            bench.until(lambda: live.reserved == bench.engine.logs.topics.last(live.run.topic))
        said = bench.said(id)
        [file] = small_disk.glob("*.lines")
        kept = file.read_bytes()
        # From now on, it acts as if it had been killed.
        bench.engine.worker.end()
        bench.engine.worker.id = "nobody"
        live.run.stop.request("taken")
    assert len(lines_in(file)) > 1

    other = Bench(make_app(**fake.environ))
    found = other.engine.data_dir / "reserve" / file.name
    found.parent.mkdir(exist_ok=True)
    found.write_bytes(kept)
    other.recover()

    assert other.message(id).content == said
    assert other.generation(id).reason == "server_restart"
    assert not found.exists()


def test_what_the_journal_has_taken_after_all_is_no_longer_in_the_reserve(small_disk, bench, fake):
    bench.engine.reserve = Reserve(small_disk, bench.engine.worker.id)
    bench.recover()
    fake.counts(120, pace=0.005, holds=[40, 80])
    id = bench.ask(person=bench.person())
    bench.until(lambda: bench.engine.live[id].journalled > 3)
    with bench.refusing(JournalRow.__tablename__, "INSERT"):
        fake.goes_on()
        bench.until(lambda: bench.engine.reserve.is_used)
    bench.until(lambda: not bench.engine.reserve.is_used)
    [file] = small_disk.glob("*.lines")
    assert lines_in(file) == []
    fake.goes_on()
    assert bench.until_ended(id).status == "completed"


def test_the_room_is_held_bounded_and_given_back(small_disk):
    room = Reserve(small_disk, "worker")
    room.allocate()
    fill(small_disk)
    room.put(b"x" * (reserve.BYTES // 2))
    with pytest.raises(OSError, match="used up"):
        room.put(b"y" * (reserve.BYTES // 2))
    room.release()
    [file] = small_disk.glob("*.lines")
    assert [len(line) for line in lines_in(file)] == [reserve.BYTES // 2]

    Reserve(small_disk, "worker").release()
    assert not file.exists()
