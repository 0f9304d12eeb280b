"""A few MiB of the disk kept back, so that the first "no space left" costs no record."""

import contextlib
import os

from .host import Os

RESERVE_BYTES = 4 << 20
_NAME = ".reserve"


class Reserve:
    """The file .reserve of one journal; all its writers share it, and whoever meets a full disk first gives it up."""

    def __init__(self, directory: str, *, size_bytes: int, mode: int, host: Os) -> None:
        self._path = f"{directory}/{_NAME}"
        self._size_bytes = size_bytes
        self._mode = mode
        self._host = host

    def release(self) -> bool:
        """Give the space back to the disk; False when it was gone already."""
        try:
            self._host.unlink(self._path)
        except OSError:
            return False
        return True

    def ensure(self) -> bool:
        """Really allocate the space unless that is done; False when the disk has none to keep back."""
        if not self._size_bytes:
            return True
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            fd = self._host.open(self._path, flags, self._mode)
        except FileExistsError:
            return True
        except OSError:
            return False
        try:
            self._host.fallocate(fd, 0, self._size_bytes)
        except OSError:
            with contextlib.suppress(OSError):
                self._host.unlink(self._path)
            return False
        finally:
            self._host.close(fd)
        return True
