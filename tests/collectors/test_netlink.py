"""Netlink's answers, whole, in parts and broken; from a fake socket, so that no kernel has to go wrong for it."""

import errno
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bitacora_collectors import netlink
from bitacora_collectors.netlink import dump, parse_datagram

MULTI, INTERRUPTED = 0x2, 0x10
ERROR, DONE, OVERRUN, SOME_TYPE = 2, 3, 4, 20


def message(payload=b"", kind=SOME_TYPE, flags=MULTI, sequence=1, length=None):
    size = 16 + len(payload) if length is None else length
    return struct.pack("=IHHII", size, kind, flags, sequence, 0) + payload + bytes(-len(payload) % 4)


def code(number):
    return struct.pack("=i", number)


END = message(code(0), DONE)


class Kernel:
    """Hands out sockets that answer with *answers*, the datagrams of one request each."""

    def __init__(self, *answers, flags=0):
        self.answers = list(answers)
        self.flags = flags
        self.requests = []
        self.closed = 0

    def __call__(self, protocol):
        self.datagrams = iter(self.answers.pop(0))
        return self

    def send(self, data):
        self.requests.append(data)
        return len(data)

    def recvmsg(self, size):
        return next(self.datagrams, b""), [], self.flags, (0, 0)

    def close(self):
        self.closed += 1


def test_the_request_asks_for_a_whole_list():
    kernel = Kernel([END])

    dump(4, 20, b"body", connecting=kernel)

    assert kernel.requests == [struct.pack("=IHHII", 20, 20, 0x301, 1, 0) + b"body"]


def test_an_answer_may_come_in_parts():
    kernel = Kernel([message(b"one") + message(b"two"), message(b"three"), END])

    payloads = dump(4, 20, b"", connecting=kernel)

    assert payloads == [b"one", b"two", b"three"]
    assert kernel.closed == 1


def test_an_answer_in_one_part_needs_no_end():
    assert dump(4, 20, b"", connecting=Kernel([message(b"all", flags=0)])) == [b"all"]


def test_a_list_that_changed_meanwhile_is_asked_for_again():
    kernel = Kernel([message(b"half", flags=MULTI | INTERRUPTED), END], [message(b"whole"), END])

    payloads = dump(4, 20, b"", connecting=kernel)

    assert payloads == [b"whole"]
    assert kernel.closed == 2


def test_the_end_too_can_say_that_the_list_has_changed():
    kernel = Kernel([message(b"half"), message(code(0), DONE, MULTI | INTERRUPTED)], [END])

    assert dump(4, 20, b"", connecting=kernel) == []


def test_a_list_that_always_changes_is_given_up():
    kernel = Kernel(*[[message(b"half", flags=MULTI | INTERRUPTED), END]] * 3)

    with pytest.raises(OSError, match="changed while it was read, 3 times"):
        dump(4, 20, b"", connecting=kernel)

    assert kernel.closed == 3


@pytest.mark.parametrize(
    "refusal", [message(code(-errno.ENOENT), ERROR, 0), message(code(-errno.ENOENT), DONE)], ids=["error", "end"]
)
def test_an_error_of_the_kernel_is_raised_with_its_number(refusal):
    kernel = Kernel([message(b"one"), refusal])

    with pytest.raises(FileNotFoundError, match="netlink"):
        dump(4, 20, b"", connecting=kernel)

    assert kernel.closed == 1


def test_an_acknowledgement_ends_an_answer():
    assert parse_datagram(message(code(0), ERROR, 0), 1) == ([], True, False)


def test_messages_that_were_lost_are_an_error():
    with pytest.raises(OSError, match="lost"):
        parse_datagram(message(b"", OVERRUN), 1)


def test_messages_for_another_request_are_passed_over():
    assert parse_datagram(message(b"theirs", sequence=7) + message(b"ours"), 1).payloads == [b"ours"]


def test_messages_start_at_multiples_of_four_bytes():
    assert parse_datagram(message(b"12345") + message(b"6"), 1).payloads == [b"12345", b"6"]


@pytest.mark.parametrize(
    "broken",
    [
        message(b"payload")[:-4],
        message(b"payload")[:10],
        message(length=0),
        message(length=15),
        message(length=2**32 - 1),
    ],
    ids=["cut off", "half a head", "no length", "too short for a head", "too long"],
)
def test_a_message_that_does_not_fit_is_refused(broken):
    with pytest.raises(ValueError, match=r"netlink: .* hold no message"):
        parse_datagram(message(b"good") + broken, 1)


def test_a_datagram_that_was_cut_off_is_refused():
    kernel = Kernel([message(b"one")], flags=socket.MSG_TRUNC)

    with pytest.raises(ValueError, match="a message of more than"):
        dump(4, 20, b"", connecting=kernel)


def test_an_answer_that_just_stops_is_an_error():
    with pytest.raises(OSError, match="no end"):
        dump(4, 20, b"", connecting=Kernel([message(b"one")]))


def test_elsewhere_there_is_no_netlink(monkeypatch):
    monkeypatch.setattr(netlink.sys, "platform", "darwin")

    with pytest.raises(OSError, match="Linux"):
        netlink.connect(4)


@given(st.lists(st.tuples(st.binary(max_size=40), st.integers(16, 65535)), max_size=6), st.integers(0, 5))
def test_what_is_packed_is_what_is_parsed(messages, others):
    data = b"".join(message(payload, kind) for payload, kind in messages)
    noise = message(b"other", sequence=9) * others

    parsed = parse_datagram(noise + data, 1)

    assert parsed == ([payload for payload, _ in messages], False, False)


@given(st.binary(max_size=200), st.binary(max_size=60))
def test_any_bytes_are_parsed_or_refused(garbage, payload):
    for data in (garbage, message(payload) + garbage, message(payload)[: len(garbage)] + garbage):
        try:
            parsed = parse_datagram(data, 1)
        except (ValueError, OSError) as error:
            refusal = str(error)
        else:
            refusal = "netlink did not refuse"
            assert sum(16 + len(one) for one in parsed.payloads) <= len(data)
        assert "netlink" in refusal
