"""What URLs of topics say."""

import pytest

from otel_bitacora.errors import ReporterSettingsError
from otel_bitacora.reporter.production.exporters.kafka_url import topic_of


def test_a_url_names_brokers_and_a_topic() -> None:
    topic = topic_of("kafka://one:9093,two,[::1]:9094/records")

    assert topic.brokers == (("one", 9093), ("two", 9092), ("::1", 9094))
    assert (topic.name, topic.servers) == ("records", "one:9093,two:9092,[::1]:9094")
    assert not topic.is_tls


def test_what_it_does_not_say_is_as_a_collector_has_it() -> None:
    topic = topic_of("kafka://localhost")

    assert (topic.name, topic.encoding, topic.compression) == ("otlp_logs", "protobuf", "zstd")
    assert (topic.partitions, topic.replicas, topic.bootstrap) == (-1, -1, False)


def test_a_url_says_who_asks_and_how() -> None:
    url = "kafka+tls://ana:p%40ss@broker/t?mechanism=SCRAM-SHA-512&encoding=json&partitions=6&replicas=3&bootstrap=true"

    topic = topic_of(url)

    assert (topic.username, topic.password, topic.mechanism) == ("ana", "p@ss", "SCRAM-SHA-512")
    assert (topic.encoding, topic.partitions, topic.replicas, topic.bootstrap) == ("json", 6, 3, True)
    assert topic.is_tls
    assert "p@ss" not in repr(topic)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("kafka:///t", "must be kafka://HOST"),
        ("kafka://h:0/t", "must be kafka://HOST"),
        ("kafka://h:x/t", "x"),
        ("kafka://h,/t", "must be kafka://HOST"),
        ("kafka://169.254.169.254/t", "link-local"),
        ("kafka://h/a/b", "no name for a topic"),
        ("kafka://h/t#x", "fragment"),
        ("kafka://h/t?acks=1", "no such option 'acks': there are encoding"),
        ("kafka://h/t?encoding=xml", "must be protobuf or json"),
        ("kafka://h/t?partitions=0", "a number from 1 on"),
        ("kafka://h/t?partitions=1&partitions=2", "twice"),
        ("kafka://h/t?bootstrap=maybe", "true or false"),
        ("kafka://h/t?password_file=/x", "say whose it is"),
    ],
)
def test_a_url_that_cannot_be_used_is_told_why_without_its_secrets(url: str, why: str) -> None:
    with pytest.raises(ReporterSettingsError, match=why) as raised:
        topic_of(url)

    assert "secret" not in str(raised.value)
