"""What mends a topic of Kafka, or the way to it: as commands where there is one."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from confluent_kafka import KafkaError

from .kafka_errors import UNAUTHORISED, WRONG_CREDENTIALS, WRONG_MECHANISM
from .kafka_url import Topic

_WHO = "name the user in the URL, and where the password is: kafka://USER@HOST:9092/TOPIC?password_file=FILE"
_CERTIFICATES = (
    "name the certificate of the authority that signed the brokers' (PEM): certificate_file in [exporters.NAME], "
    "or have the system trust it"
)
_BY_WORDS = {
    ("certificate", "verify"): _CERTIFICATES,
    ("plaintext", "wrong version"): "try kafka:// if the broker speaks no TLS",
    ("link-local", "password_file"): "correct the URL, or the file that it names",
}
"""What to do, by one of the words in what librdkafka says."""


def connection_fix(topic: Topic, code: int, said: str) -> str:
    """Return what to do where no broker can be talked to, from the code of the error and what it says."""
    low = said.lower()
    if "mechanism" in low or code in WRONG_MECHANISM:
        return _mechanism_fix(topic, said)
    if code in WRONG_CREDENTIALS:
        return _password_fix(topic)
    for words, fix in _BY_WORDS.items():
        if any(word in low for word in words):
            return fix
    if "disconnected" in low or "closed" in low or "reset" in low:
        if topic.is_tls:
            return "try kafka:// if the broker speaks no TLS"
        return f"try kafka+tls:// if the broker speaks that{'' if topic.username else f', and {_WHO}'}"
    # One that asks for a user hangs up on who names none, of which librdkafka may say no more than that it is down.
    hint = f"; if they ask who one is, {_WHO}" if "are down" in low and not topic.username else ""
    return f"start the brokers ({topic.servers}), or correct host and port in the URL{hint}"


def _mechanism_fix(topic: Topic, said: str) -> str:
    _, told, taken = said.partition("supported mechanisms: ")
    taken = taken.partition("(")[0].strip()
    if told and not taken:
        return "the broker asks for nobody: take the user out of the URL, or name the port where it asks"
    return f"the broker doesn't take {topic.mechanism}: say mechanism={taken or 'SCRAM-SHA-256 or SCRAM-SHA-512'} in the URL"


def _password_fix(topic: Topic) -> str:
    if not topic.username:
        return _WHO
    kept = (
        f"in {topic.password_file}" if topic.password_file else "in the URL (or better in a file: password_file=FILE)"
    )
    return f"correct the password of {topic.username!r} {kept}"


def topic_fix(topic: Topic) -> str:
    """Return what makes the topic."""
    partitions = f" --partitions {topic.partitions}" if topic.partitions > 0 else ""
    replicas = f" --replication-factor {topic.replicas}" if topic.replicas > 0 else ""
    made = f"{_command('kafka-topics.sh', topic)} --create --topic {topic.name}{partitions}{replicas}"
    return f"ship once with --bootstrap, or: {made}"


def leader_fix(topic: Topic) -> str:
    """Return what shows where a partition's leader is missing."""
    shown = f"{_command('kafka-topics.sh', topic)} --describe --topic {topic.name}"
    return f"start the brokers that have its replicas: {shown} says which"


def access_fix(topic: Topic, *operations: str) -> str:
    """Return what lets us do *operations* with the topic."""
    said = " ".join(f"--operation {each}" for each in operations)
    who = shlex.quote(f"User:{topic.username or 'ANONYMOUS'}")
    return f"{_command('kafka-acls.sh', topic)} --add --allow-principal {who} {said} --topic {topic.name}"


def write_fix(topic: Topic, code: int, said: str, brokers: Sequence[str], *, is_short: bool) -> str:
    """Return what to do where the topic takes no message; *is_short* says that not all of its replicas are in sync."""
    if code in UNAUTHORISED:
        return access_fix(topic, "Write", "Describe")
    if is_short or "replicas" in said.lower():
        return f"{leader_fix(topic)}; or lower min.insync.replicas of the topic"
    if code == KafkaError.POLICY_VIOLATION:
        return "the broker's own policy refuses it: its log says why"
    return f"the brokers say that they are at {', '.join(brokers)}: if that can't be reached from here, correct their advertised.listeners"


def _command(program: str, topic: Topic) -> str:
    # Whoever must be named or encrypt says so in a file of Kafka's own; no secret is in a command line.
    config = " --command-config client.properties" if topic.username or topic.is_tls else ""
    return f"{program} --bootstrap-server {topic.servers}{config}"
