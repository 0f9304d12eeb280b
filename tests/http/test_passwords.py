import asyncio

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora.http.passwords import Passwords, _Memory


class Recorded:
    """bcrypt's check, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, bytes]] = []

    def __call__(self, password: bytes, hashed: bytes) -> bool:
        self.asked.append((password, hashed))
        return bcrypt.checkpw(password, hashed)


def hash_of(password: bytes, cost: int = 4) -> str:
    return bcrypt.hashpw(password, bcrypt.gensalt(cost)).decode()


@pytest.fixture
def check() -> Recorded:
    return Recorded()


def match(passwords: Passwords, hashes: dict[str, str], user: str, password: bytes) -> bool:
    return asyncio.run(passwords.match(hashes, user, password, caller="192.0.2.7"))


def test_a_users_password_is_right_and_no_other_is(check: Recorded) -> None:
    passwords, hashes = Passwords(check), {"alice": hash_of(b"one"), "bob": hash_of(b"two")}

    assert match(passwords, hashes, "alice", b"one")
    assert not match(passwords, hashes, "alice", b"two")
    assert not match(passwords, hashes, "bob", b"one")
    assert not match(passwords, hashes, "Alice", b"one")


def test_an_unknown_user_costs_a_hash_as_costly_as_a_known_one(check: Recorded) -> None:
    passwords, hashes = Passwords(check), {"alice": hash_of(b"one"), "bob": hash_of(b"two", 5)}

    assert not match(passwords, hashes, "mallory", b"one")

    [(password, dummy)] = check.asked
    assert password == b"one"
    assert dummy.decode() not in hashes.values()
    assert dummy.startswith(b"$2b$05$")


def test_the_dummy_is_no_password_even_if_the_check_said_so() -> None:
    passwords = Passwords(lambda password, hashed: True)

    assert not match(passwords, {"alice": hash_of(b"one")}, "mallory", b"x")
    assert not match(passwords, {"alice": hash_of(b"one")}, "mallory", b"x"), "not from memory either"


def test_a_check_is_made_once_whether_it_was_right_or_wrong(check: Recorded) -> None:
    passwords, hashes = Passwords(check), {"alice": hash_of(b"one")}

    answers = [match(passwords, hashes, "alice", word) for word in (b"one", b"two", b"one", b"two")]

    assert answers == [True, False, True, False]
    assert len(check.asked) == 2


def test_a_password_that_was_changed_is_not_remembered(check: Recorded) -> None:
    passwords = Passwords(check)
    assert match(passwords, {"alice": hash_of(b"one")}, "alice", b"one")

    assert not match(passwords, {"alice": hash_of(b"two")}, "alice", b"one")
    assert not match(passwords, {"bob": hash_of(b"two")}, "alice", b"one")


def test_what_is_remembered_does_not_depend_on_where_one_part_ends() -> None:
    """CVE-2022-46146: user, hash and password run together could be cut elsewhere by an attacker."""
    hashed = hash_of(b"one")
    passwords = Passwords()

    keys = {
        passwords._remembered_as(*parts)
        for parts in (("a", hashed, b"b"), ("a" + hashed, "", b"b"), ("", "a" + hashed, b"b"), ("a", hashed + "b", b""))
    }

    assert len(keys) == 4


parts = st.tuples(st.text(max_size=6), st.text("$2b./:", max_size=6), st.binary(max_size=6))
_SHARED = Passwords()


@given(one=parts, other=parts)
def test_only_the_same_three_are_remembered_as_the_same(
    one: tuple[str, str, bytes], other: tuple[str, str, bytes]
) -> None:
    same = _SHARED._remembered_as(*one) == _SHARED._remembered_as(*other)

    assert same is (one == other)


def test_nothing_that_is_remembered_shows_a_password() -> None:
    passwords = Passwords()
    match(passwords, {"alice": hash_of(b"hunter2")}, "alice", b"hunter2")

    assert b"hunter2" not in b"".join(passwords._right._keys)


def test_a_flood_of_wrong_ones_does_not_make_a_right_one_forgotten() -> None:
    asked = 0

    def check(password: bytes, hashed: bytes) -> bool:
        nonlocal asked
        asked += password == b"one"
        return password == b"one"

    passwords, hashes = Passwords(check), {"alice": hash_of(b"one")}
    assert match(passwords, hashes, "alice", b"one")

    async def flood() -> None:
        for number in range(1500):
            await passwords.match(hashes, "alice", b"%d" % number, caller="192.0.2.7")

    asyncio.run(flood())

    assert match(passwords, hashes, "alice", b"one")
    assert asked == 1
    assert len(passwords._wrong._keys) == 1000


def test_what_is_asked_for_again_is_not_the_next_to_be_forgotten() -> None:
    memory = _Memory(2)
    memory.add(b"one")
    memory.add(b"two")

    assert b"one" in memory
    memory.add(b"three")

    assert (b"one" in memory, b"two" in memory) == (True, False)


@pytest.mark.parametrize("length", [72, 73, 1000])
def test_bcrypt_reads_72_bytes_and_so_do_we(length: int) -> None:
    hashed = hash_of(b"a" * 72)

    assert match(Passwords(), {"alice": hashed}, "alice", b"a" * length)
    assert not match(Passwords(), {"alice": hashed}, "alice", b"b" * length)


@pytest.mark.parametrize("prefix", ["$2a$", "$2b$", "$2y$"])
def test_the_hashes_of_htpasswd_and_others_are_understood(prefix: str) -> None:
    hashed = prefix + hash_of(b"one")[4:]

    assert match(Passwords(), {"alice": hashed}, "alice", b"one")
