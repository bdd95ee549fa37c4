"""Detects the type of the file system of a folder, from Linux's list of mounts."""

import os
from pathlib import Path

# Below this, the database's log can't grow by the next few answers.
LEAST_BYTES = 1_048_576
FULL = "The disk is full, so nothing can be saved."
READ_ONLY = "The data folder is read-only, so nothing can be saved."
MOUNTS = Path("/proc/mounts")
# On these, a lock or a write can be lost between machines without an error.
OF_NETWORKS = {
    *("nfs", "nfs4", "cifs", "smbfs", "smb2", "smb3", "afs", "coda", "ceph", "glusterfs", "lustre", "beegfs", "gfs2", "ocfs2"),
    *("fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.rclone", "fuse.s3fs", "vboxsf"),
}


def trouble_with_disk(folder: Path) -> str:
    """Returns why nothing can be saved in a folder, or an empty string; asks the system alone, as probes come often."""
    disk = os.statvfs(folder)
    if disk.f_flag & os.ST_RDONLY or not os.access(folder, os.W_OK):
        return READ_ONLY
    return FULL if disk.f_bavail * disk.f_frsize < LEAST_BYTES else ""


def network_of(folder: Path, mounts: str) -> str:
    """Returns the type of the network disk that a folder is on; empty for any other or unknown disk."""
    kind = _kind_of(folder, mounts)
    return kind if kind in OF_NETWORKS else ""


def read_mounts() -> str:
    try:
        return MOUNTS.read_text("utf-8", "replace")
    except OSError:
        # Not Linux.
        return ""


def _kind_of(folder: Path, mounts: str) -> str:
    holding = {str(each) for each in (folder, *folder.parents)}
    lines = (line.split(" ") for line in mounts.splitlines())
    # Of several mounts in one place, the last hides the others.
    found = {_unescaped(words[1]): words[2] for words in lines if len(words) > 2}
    places = [place for place in found if place in holding]
    return found[max(places, key=len)] if places else ""


def _unescaped(place: str) -> str:
    return place.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
