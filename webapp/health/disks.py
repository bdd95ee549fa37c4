"""Detects the type of the file system of a folder, from Linux's list of mounts."""

from pathlib import Path

MOUNTS = Path("/proc/mounts")
# On these, a lock or a write can be lost between machines without an error.
OF_NETWORKS = {
    *("nfs", "nfs4", "cifs", "smbfs", "smb2", "smb3", "afs", "coda", "ceph", "glusterfs", "lustre", "beegfs", "gfs2", "ocfs2"),
    *("fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.rclone", "fuse.s3fs", "vboxsf"),
}


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
