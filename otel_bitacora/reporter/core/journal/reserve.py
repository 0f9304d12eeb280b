"""A few MiB of the disk kept back, so that the first "no space left" costs no record."""

import os
from collections.abc import Callable

from .host import Os, raise_unless_refused, tolerating_refusal

RESERVE_BYTES = 4 << 20
_NAME = ".reserve"
_REMAKE_SECONDS = 60.0


class Reserve:
    """The file .reserve of one journal; all its writers share it, and whoever meets a full disk first gives it up."""

    def __init__(self, directory: str, *, size_bytes: int, mode: int, host: Os, monotonic: Callable[[], float]) -> None:
        self._path = f"{directory}/{_NAME}"
        self._size_bytes = size_bytes
        self._mode = mode
        self._host = host
        self._monotonic = monotonic
        self._not_before = 0.0

    def release(self) -> bool:
        """Give the space back to the disk; False when it was gone already."""
        self._not_before = self._monotonic() + _REMAKE_SECONDS
        try:
            self._host.unlink(self._path)
        except OSError as exc:
            raise_unless_refused(exc)
            return False
        return True

    def ensure(self) -> bool:
        """Really allocate the space unless that is done; False when the disk has none to keep back, or had none lately.

        Taken back at once, it would only be given up again by the next record.
        """
        if not self._size_bytes or self._monotonic() < self._not_before:
            return False
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            fd = self._host.open(self._path, flags, self._mode)
        except FileExistsError:
            return True
        except OSError as exc:
            raise_unless_refused(exc)
            return False
        try:
            self._host.fallocate(fd, 0, self._size_bytes)
        except OSError as exc:
            raise_unless_refused(exc)
            with tolerating_refusal():
                self._host.unlink(self._path)
            return False
        finally:
            self._host.close(fd)
        return True
