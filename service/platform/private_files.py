"""Files that only the service's own user may read: the embedded database, its backups and its key."""

from contextlib import suppress
from pathlib import Path

MODE = 0o600


def make_private(path: str | Path) -> None:
    """Make an empty file with mode 0600 where there is none; take the rights of other users from one that is there and
    from SQLite's files beside it. A file that belongs to another user keeps its mode.
    """
    Path(path).touch(mode=MODE)
    for file in (Path(path), Path(f"{path}-wal"), Path(f"{path}-shm")):
        with suppress(FileNotFoundError, PermissionError):
            if file.stat().st_mode & 0o077:
                file.chmod(MODE)
