import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitacora_collectors.escapes import unescape


@pytest.mark.parametrize(
    ("escaped", "meant"),
    [
        (b"/mnt/my\\040disk", b"/mnt/my disk"),
        (b"a\\134b", b"a\\b"),
        (b"\\011\\012", b"\t\n"),
        (b"\\777 \\9", b"\\777 \\9"),
    ],
)
def test_octal_escapes_become_their_bytes_and_what_is_none_stays(escaped, meant):
    assert unescape(escaped) == meant


@given(st.binary(max_size=200))
def test_what_the_kernel_has_escaped_comes_back(raw):
    escaped = b"".join(b"\\%03o" % byte if byte in b" \t\n\\" else bytes([byte]) for byte in raw)

    assert unescape(escaped) == raw
