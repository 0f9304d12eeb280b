"""Mountinfo: what can be reached, and lines that are none."""

import pytest

from bitacora_collectors.mounts import parse_mountinfo, visible

from .mounted import mount  # tests are no package


def test_of_mounts_over_each_other_the_last_is_seen_and_those_below_are_not():
    mounts = parse_mountinfo(
        (
            mount("/", number=1, parent=0, source="root")
            + mount("/data", number=2, parent=1, source="lower")
            + mount("/data/inner", number=3, parent=2, source="inner")
            + mount("/data", number=4, parent=2, source="upper")
            + mount("/data/new", number=5, parent=4, source="new")
        ).encode()
    )

    assert [one.source for one in visible(mounts)] == ["root", "upper", "new"]


def test_mounts_that_are_their_own_ancestors_end():
    lines = mount("/", number=1, parent=0) + mount("/", number=2, parent=1) + mount("/", number=1, parent=2)

    assert len(visible(parse_mountinfo(lines.encode()))) <= 1


def test_an_empty_source_is_kept_empty():
    (one,) = parse_mountinfo(b"30 1 0:44 / /mnt rw,relatime - tmpfs  rw,size=4k\n")

    assert (one.type, one.source, one.read_only) == ("tmpfs", "", False)


@pytest.mark.parametrize("line", [b"30 1 0:44 / /mnt rw tmpfs none rw", b"30 1 0:44 / mnt rw - tmpfs none rw", b"x"])
def test_a_mountinfo_line_that_is_none_is_named(line):
    with pytest.raises(ValueError, match="/proc/N/mountinfo: expected a mount, got b'"):
        parse_mountinfo(line)


def test_a_mount_point_with_a_nul_can_not_be_asked_and_is_refused():
    with pytest.raises(ValueError, match="/proc/N/mountinfo"):
        parse_mountinfo(mount(r"/mnt\000").encode())
