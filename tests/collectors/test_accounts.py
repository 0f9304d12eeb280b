import os

import pytest

from bitacora_collectors.accounts import Accounts, hides_users, parse_accounts


def test_accounts_are_by_number_and_the_first_name_counts():
    content = (
        b"root:x:0:0::/:/bin/sh\n# comment\ntoor:x:0:0::/:/bin/sh\n+::::::\n\nada:x:1000:1000::/home/ada:\nx:y:-1:\n"
    )

    assert parse_accounts(content) == {0: "root", 1000: "ada"}


def test_a_user_without_a_name_has_none_and_neither_has_any_without_the_file(host_with):
    nowhere, here = Accounts(host_with({})), Accounts(host_with({"/etc/passwd": "ada:x:1000:1000:::\n"}))

    assert here.name(1000) == "ada"
    assert here.name(7) is None
    assert nowhere.name(0) is None


def test_the_file_is_read_again_only_when_it_has_changed_and_an_unknown_user_is_asked_for(host_with, tmp_path):
    accounts = Accounts(host_with({"/etc/passwd": "ada:x:1000:1000:::\n"}))
    assert (accounts.name(1000), accounts.name(7)) == ("ada", None)
    host_with({"/etc/passwd": "ada:x:1000:1000:::\nbob:x:7:7:::\neve:x:8:8:::\n"})
    os.utime(tmp_path / "etc/passwd", ns=(1, 1))

    assert accounts.name(7) is None  # it was asked for before, and nobody new has been seen since
    assert accounts.name(8) == "eve"
    assert accounts.name(7) == "bob"
    host_with({"/etc/passwd": "ada:x:1000:1000:::\nkim:x:9:9:::\n"})
    os.utime(tmp_path / "etc/passwd", ns=(1, 1))
    assert accounts.name(9) is None  # as far as its time tells, the file is the same


def test_in_a_namespace_of_users_the_number_that_stands_for_all_others_is_nobodys(host_with):
    files = {"/etc/passwd": "nobody:x:65534:65534:::\n"}
    whole = Accounts(host_with({**files, "/proc/self/uid_map": "         0          0 4294967295\n"}))
    hidden = Accounts(host_with({**files, "/proc/self/uid_map": "      1000       1000          1\n"}))

    assert (whole.known(65534), hidden.known(65534)) == (65534, None)
    assert (hidden.known(1000), hidden.known(None)) == (1000, None)


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"", False), (b"nonsense\n0 0\n", False), (b"0 100000 65536\n", True), (b"0 0 1\n1 1 4294967294\n", False)],
)
def test_users_are_hidden_where_the_map_lacks_some(content, expected):
    assert hides_users(content) is expected
