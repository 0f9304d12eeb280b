"""What librdkafka's errors mean for records: never, not now, or not until somebody mends a setting."""

from __future__ import annotations

from collections.abc import Sequence

from confluent_kafka import KafkaError

from otel_bitacora.errors import DestinationError

ALL_BROKERS_DOWN = KafkaError._ALL_BROKERS_DOWN  # noqa: SLF001 - librdkafka's own codes begin with one, and are public
TIMED_OUT = KafkaError._MSG_TIMED_OUT  # noqa: SLF001
PURGED = frozenset((KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT))  # noqa: SLF001
TOPIC_MISSING = frozenset((KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC))  # noqa: SLF001
WRONG_CREDENTIALS = frozenset((KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED))  # noqa: SLF001
WRONG_MECHANISM = frozenset((KafkaError.UNSUPPORTED_SASL_MECHANISM, KafkaError.ILLEGAL_SASL_STATE))
UNAUTHORISED = frozenset((KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED))
END_OF_PARTITION = KafkaError._PARTITION_EOF  # noqa: SLF001
POISON = frozenset((KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG_SIZE, KafkaError.INVALID_RECORD))
MISCONFIGURED = TOPIC_MISSING | {
    KafkaError.TOPIC_EXCEPTION,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.UNSUPPORTED_SASL_MECHANISM,
    KafkaError.ILLEGAL_SASL_STATE,
    KafkaError.UNSUPPORTED_COMPRESSION_TYPE,
    KafkaError.UNSUPPORTED_FOR_MESSAGE_FORMAT,
    KafkaError.POLICY_VIOLATION,
    KafkaError.INVALID_REPLICATION_FACTOR,
    KafkaError._AUTHENTICATION,  # noqa: SLF001
    KafkaError._SSL,  # noqa: SLF001
    KafkaError._INVALID_ARG,  # noqa: SLF001
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
}


def is_hopeless(troubles: Sequence[KafkaError]) -> bool:
    """Return whether waiting won't help: a setting is wrong, or the producer has ended itself."""
    return any(error.code() in MISCONFIGURED or error.fatal() for error in troubles)


def worst_of(troubles: Sequence[KafkaError]) -> KafkaError | None:
    """Return what is most to blame: a setting, else what was told last of one broker."""
    wrong = [error for error in troubles if error.code() in MISCONFIGURED]
    told = [error for error in troubles if error.code() != ALL_BROKERS_DOWN]
    return next((some[-1] for some in (wrong, told, troubles) if some), None)


def destination_error(shown: str, topic: str, error: KafkaError, doing: str = "") -> DestinationError:
    """Return *error* as the shipper knows it; *shown* is the destination, *doing* what was tried."""
    text = error.str()
    if error.code() in TOPIC_MISSING:
        text = f"there is no topic {topic!r}: make it, or say --bootstrap"
    elif error.code() == TIMED_OUT:
        text = "no delivery report in time"
    return DestinationError(f"{shown}: {doing}{text}", misconfigured=error.code() in MISCONFIGURED)
