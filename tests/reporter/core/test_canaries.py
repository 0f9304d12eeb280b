"""A secret, logged in every way there is, must reach no byte of the record."""

import logging

import pytest

from otel_bitacora.reporter.core.context import LogContext

from .kept import Kept, logger_for

CANARY = "hunter2-canary"


def failing() -> None:
    password = "hunter2-canary"
    raise ValueError(f"login failed for password={password}")


def log_message(log: logging.Logger) -> None:
    log.info(f"password={CANARY}")  # noqa: G004  # what people do


def log_argument(log: logging.Logger) -> None:
    log.info("login with password=%s", CANARY)


def log_mapping_argument(log: logging.Logger) -> None:
    log.info("got %(form)s", {"form": {"password": CANARY}})


def log_unformattable(log: logging.Logger) -> None:
    log.info("%d", {"password": CANARY})


def log_extra(log: logging.Logger) -> None:
    log.info("x", extra={"api_key": CANARY})


def log_extra_text(log: logging.Logger) -> None:
    log.info("x", extra={"note": f"token: {CANARY}"})


def log_nested_extra(log: logging.Logger) -> None:
    log.info("x", extra={"request": {"headers": [{"Authorization": CANARY}, f"secret={CANARY}"]}})


def log_secret_container(log: logging.Logger) -> None:
    log.info("x", extra={"credentials": [CANARY, {"x": CANARY}]})


def log_structured_body(log: logging.Logger) -> None:
    log.info({"user": "ana", "passwords": {"old": CANARY}, f"token={CANARY}": 1})


def log_exception(log: logging.Logger) -> None:
    try:
        failing()
    except ValueError:
        log.exception("failed")


def log_chained_exception(log: logging.Logger) -> None:
    try:
        try:
            failing()
        except ValueError as first:
            raise RuntimeError("again") from first
    except RuntimeError:
        log.exception("failed")


def log_template(log: logging.Logger) -> None:
    log.info(f"password={CANARY} %s", 1)  # noqa: G004  # as above


def log_in_context(log: logging.Logger) -> None:
    with LogContext(secret=CANARY, note=f"pwd={CANARY}"):
        log.info("x")
        log.info("x", extra={"thread.id": 1})


def log_huge(log: logging.Logger) -> None:
    text = "x" * (262_144 - 2000) + f" password={CANARY}" * 900
    log.info(text)


def log_long_extra(log: logging.Logger) -> None:
    log.info("x", extra={"note": "x" * (65_536 - 20) + f" password={CANARY}" * 900})


def log_stack(log: logging.Logger) -> None:
    log.info("x", stack_info=True, extra={"note": f"Authorization: Bearer {CANARY}"})


WAYS = [value for name, value in list(globals().items()) if name.startswith("log_")]


@pytest.mark.parametrize("way", WAYS, ids=[way.__name__ for way in WAYS])
def test_a_secret_reaches_no_byte_of_the_record(way) -> None:
    kept = Kept()
    log = logger_for(kept)

    way(log)
    way(log)

    raw = b"".join(kept.raw)
    assert b"hunter2" not in raw
    assert b"[REDACTED]" in raw
