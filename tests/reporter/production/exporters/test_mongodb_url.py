"""What URLs of MongoDB say."""

import pytest

from otel_bitacora.errors import DestinationError, ReporterSettingsError
from otel_bitacora.reporter.production.exporters.destination import Destination
from otel_bitacora.reporter.production.exporters.mongodb_url import Target, target_of


def named(url: str) -> tuple[str, str]:
    target = target_of(Destination(url))
    return target.database, target.collection


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("mongodb://h", ("bitacora", "logs")),
        ("mongodb://h/", ("bitacora", "logs")),
        ("mongodb://h/shop", ("shop", "logs")),
        ("mongodb://h/shop/records", ("shop", "records")),
        ("mongodb://h/shop?collection=records", ("shop", "records")),
        ("mongodb+srv://cluster.example/shop", ("shop", "logs")),
    ],
)
def test_a_url_names_database_and_collection(url: str, place: tuple[str, str]) -> None:
    assert named(url) == place


def test_ours_are_taken_out_and_theirs_stay() -> None:
    url = "mongodb://ana:p%40ss@one,two:27018/shop?replicaSet=r&keep_days=7&bootstrap=true&w=1"

    target = target_of(Destination(url))

    assert target.url == "mongodb://ana:p%40ss@one,two:27018/shop?replicaSet=r&w=1"
    assert target.hosts == (("one", 27017), ("two", 27018))
    assert (target.keep_days, target.bootstrap) == (7, True)
    assert "w" not in target.options
    assert "p%40ss" not in repr(target)


def test_what_it_does_not_say_is_safe() -> None:
    target: Target = target_of(Destination("mongodb://h", timeout_seconds=3))

    assert (target.options["w"], target.options["journal"]) == ("majority", True)
    assert target.options["serverSelectionTimeoutMS"] == 3000
    assert not target.bootstrap


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mongodb://", "host"),
        ("mongodb://h:x/", "Port"),
        ("mongodb://169.254.169.254/", "link-local"),
        ("mongodb://h/?keep_days=-1", "keep_days=-1"),
        ("mongodb://h/?bootstrap=1", "true or false"),
        ("mongodb://h/?password_file=/x", "say whose it is"),
        ("mongodb://a:b@h/?password_file=/x", "no other password"),
    ],
)
def test_a_url_that_cannot_be_used_is_told_why(url: str, why: str) -> None:
    with pytest.raises(ReporterSettingsError, match=why):
        target_of(Destination(url))


def test_headers_are_refused() -> None:
    with pytest.raises(ReporterSettingsError, match="say the user in the URL"):
        target_of(Destination("mongodb://h", headers={"a": "b"}))


def test_a_password_file_that_is_not_there_is_a_wrong_setting(tmp_path) -> None:
    target = target_of(Destination(f"mongodb://ana@h/?password_file={tmp_path}/none"))

    with pytest.raises(DestinationError, match="none") as raised:
        target.connect()

    assert raised.value.misconfigured
