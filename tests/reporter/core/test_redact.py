import itertools
import re
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bitacora.reporter.core import patterns
from otel_bitacora.reporter.core.findings import Finding, find
from otel_bitacora.reporter.core.luhn import passing_luhn
from otel_bitacora.reporter.core.patterns import PLACEHOLDER
from otel_bitacora.reporter.core.redact import Redactor

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJlX29mX2NhbmFyeQ"
KEY_BLOCK = "-----BEGIN RSA PRIVATE KEY-----\nMIICANARYcanary0123\n-----END RSA PRIVATE KEY-----"

SECRETS = {
    f"got {JWT} back": JWT,
    f"https://x/?jwt={JWT}&a=1": JWT,
    "id AKIAIOSFODNN7EXAMPLE used": "AKIAIOSFODNN7EXAMPLE",
    f"loaded {KEY_BLOCK} ok": "MIICANARYcanary0123",
    "-----BEGIN PRIVATE KEY-----\nMIICANARY cut off": "MIICANARY",
    "Authorization: Bearer abc.def-123": "abc.def-123",
    "sent bearer abcdef123456": "abcdef123456",
    "Authorization: Basic dXNlcjpwYXNz": "dXNlcjpwYXNz",
    "postgres://ana:hunter2@db/x": "hunter2",
    "redis://:hunter2@cache:6379": "hunter2",
    "https://ghp_canary@github.com/x": "ghp_canary",
    "amqp://u:p@ss@host": "p@ss",
    "paid with 4111 1111 1111 1111 today": "4111 1111 1111 1111",
    "paid with 4111-1111-1111-1111": "4111-1111-1111-1111",
    "paid with 4111 1111 1111 1111 123": "4111 1111 1111 1111",
    "order 1234 4111111111111111": "4111111111111111",
    "amex 3782 822463 10005": "3782 822463 10005",
    "password=hunter2": "hunter2",
    "PASSWORD = hunter2;": "hunter2",
    "{'password': 'hunter2'}": "hunter2",
    "{'password': 'hun\"ter2'}": 'hun"ter2',
    '{"db_password":"hunter2"}': "hunter2",
    '{\\"password\\": \\"hunter2\\"}': "hunter2",
    "api_key: sk-canary": "sk-canary",
    "API-KEY=sk-canary": "sk-canary",
    "client_secret => s3cr3t-canary": "s3cr3t-canary",
    "refresh_token=canary123": "canary123",
    "token: b'canary123'": "canary123",
    "passphrase: canary": "canary",
    "pwd=canary": "canary",
    "aws_secret_access_key=canary/with+chars=": "canary/with+chars",
    "X-Api-Key: canary": "canary",
    "Cookie: a=canary1; b=canary2": "canary2",
    "os.environ['DB_PASSWORD'] = 'hunter2'": "hunter2",
    "İ password=hunter2": "hunter2",
    "mysql --password hunter2 -u ana": "hunter2",
    "run --api-key sk-canary --verbose": "sk-canary",
    "curl --token=canary123 http": "canary123",
    "server -password hunter2": "hunter2",
    "--client-secret canary,1;x": "canary,1;x",
    "login --token 'ca na ry'": "ca na ry",
    'login --token "ca \\" ry"': 'ca \\" ry',
    "Command 'mysql --password hunter2' failed": "hunter2",
    "Command '['mysql', '--password', 'hunter 2']' failed": "hunter 2",
    '{"argv": "[\\"--password\\", \\"hunter 2\\"]"}': "hunter 2",
}

HARMLESS = [
    "user ana did spark.create.3",
    "GET /api/v1/items?id=5 took 12 ms, status: 200",
    "max_tokens=4096 prompt_tokens: 12 token_count=5 tokens=7",
    "tokenizer: fast",
    "https://example.org/a@b",
    "mail ana@example.org: done",
    "started 2026-11-24 12:00:00.123456, 1764000000000000000 ns",
    "card 4111 1111 1111 1112 fails its check digit",
    "ratio 0.4111111111111111",
    "session_id=4111111111111111",
    "12345678-1234-1234-1234-123456789012",
    "the bearer of it",
    "key: value",
    "eyJust a word",
    "Asia/Tokyo",
    "usage: --password",
    "--token --verbose",
    "--token-count 5 --tokenizer fast --max-tokens 7",
    "the token -- a key - is here",
    "post--token office",
    "--password [REDACTED] --token [REDACTED:0123456789abcdef]",
]


@pytest.mark.parametrize("text", SECRETS)
def test_a_secret_in_text_is_replaced_and_counted(text: str) -> None:
    redactor = Redactor()

    clean = redactor.text(text)

    assert SECRETS[text] not in clean
    assert PLACEHOLDER in clean
    assert sum(redactor.counts.values()) >= 1


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_a_secret_stays(text: str) -> None:
    assert Redactor().text(text) is text


@pytest.mark.parametrize("text", SECRETS)
def test_what_stands_around_a_secret_stays(text: str) -> None:
    findings = list(find(text))

    clean = Redactor().text(text)

    kept = [
        text[a.end : b.start]
        for a, b in zip([Finding("", 0, 0), *findings], [*findings, Finding("", len(text), 0)], strict=True)
    ]
    assert PLACEHOLDER.join(kept) == clean


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "DB_PASSWORD",
        "apiKey",
        "x-api-key",
        "client.secret",
        "Authorization",
        "Set-Cookie",
        "privateKey",
        "access_token",
        "credit_card",
    ],
)
def test_a_key_that_names_a_secret_hides_its_value(key: str) -> None:
    assert Redactor().hides(key)


@pytest.mark.parametrize(
    "key",
    [
        "session_id",
        "project_id",
        "user_id",
        "bitacora.session.id",
        "vcs.ref.head.name",
        "max_tokens",
        "token_count",
        "path",
        "tokenizer",
    ],
)
def test_an_id_or_an_ordinary_key_hides_nothing(key: str) -> None:
    assert not Redactor().hides(key)


def test_own_keys_can_be_added_and_spared() -> None:
    redactor = Redactor(secret_keys=["Employee-Number"], spared_keys=["public_token"])

    assert redactor.hides("employee_number")
    assert not redactor.hides("public_token")
    assert redactor.spares("public_token")


def test_a_digest_keeps_equal_secrets_joinable_and_secret() -> None:
    one, other = Redactor(digest_key=b"k"), Redactor(digest_key=b"other")

    texts = [
        one.text("password=hunter2"),
        one.text("pwd: hunter2"),
        one.text("password=x"),
        other.text("password=hunter2"),
    ]

    digests = [re.search(r"\[REDACTED:([0-9a-f]{16})\]", text)[1] for text in texts]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def test_explaining_names_the_rule_and_counts_nothing() -> None:
    redactor = Redactor()

    found = redactor.explain("password=hunter2 and 4111 1111 1111 1111")

    assert [(finding.rule, finding.start, finding.end) for finding in found] == [("key=value", 9, 16), ("card", 21, 40)]
    assert redactor.explain("anything", key="password") == [Finding("key", 0, 8)]
    assert redactor.explain("password=x", key="session_id") == []
    assert not redactor.counts


def test_secrets_are_counted_by_rule_from_many_threads() -> None:
    redactor = Redactor()

    threads = [threading.Thread(target=lambda: [redactor.text("password=x") for _ in range(200)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert redactor.counts == {"key=value": 1600}


PIECES = st.sampled_from(
    [
        *SECRETS,
        *HARMLESS,
        "password",
        "=",
        ":",
        " ",
        "'",
        '"',
        "\\",
        "://",
        "@",
        "eyJ",
        ".",
        "4111 ",
        "-----BEGIN ",
        "İ",
        "ẞ",
        "\n",
    ]
)


@given(st.lists(PIECES | st.text(max_size=8), max_size=8).map("".join))
def test_findings_never_overlap_and_lie_within_the_text(text: str) -> None:
    redactor = Redactor()

    findings = list(find(text))

    assert all(a.end <= b.start for a, b in itertools.pairwise(findings))
    assert all(0 <= finding.start < finding.end <= len(text) for finding in findings)
    assert redactor.suspects(text.encode("utf-8", "replace")) or not findings


@given(st.text(alphabet="0123456789 -", min_size=13, max_size=23).filter(lambda text: sum(map(str.isdigit, text)) > 12))
def test_the_check_digit_is_luhn_s(text: str) -> None:
    digits = [int(digit) for digit in text if digit.isdigit()][::-1]
    total = sum(digits[::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])

    assert bool(passing_luhn([text])) == (total % 10 == 0)


ATTACKS = {
    "word": "a",
    "secret words": "password",
    "keys without values": "password=",
    "open quotes": "password='",
    "backslashes": "\\",
    "blanks": "password  ",
    "web tokens": "eyJ-",
    "tokens": "eyJabcdefghijk.",
    "digits": "4",
    "cards": "4444 ",
    "urls": "://a:",
    "ats": "@",
    "bearers": "bearer ",
    "blocks": "-----BEGIN ",
    "block ends": "-----END A",
    "nested": "{'password': {",
    "flags": "--password x --token 'y z' ",
    "almost flags": "--password- -token --a b ",
    "open quotes after flags": '--token "x ',
}


@pytest.mark.parametrize("piece", ATTACKS.values(), ids=list(ATTACKS))
def test_a_megabyte_of_hostile_text_is_done_at_once(piece: str) -> None:
    size = 1_000_000
    text = "AKIA eyJ ://@ bearer password='" + piece * (size // len(piece)) + "=" + "0" * 13

    done = threading.Event()
    thread = threading.Thread(target=lambda: (Redactor().text(text), done.set()), daemon=True)
    thread.start()

    assert done.wait(30), "quadratic: a linear pattern takes well under a second"


def test_who_needs_a_pattern_does_not_wait_for_another_thread_that_compiles_it(monkeypatch) -> None:
    """A forked child has no such thread, and would wait for ever."""
    pattern, is_compiling, go_on = patterns.Pattern("a"), threading.Event(), threading.Event()
    compile_ = re.compile

    def compile_slowly(source: str, flags: int) -> re.Pattern[str]:
        if not is_compiling.is_set():
            is_compiling.set()
            go_on.wait(60)
        return compile_(source, flags)

    monkeypatch.setattr(patterns.re, "compile", compile_slowly)
    other = threading.Thread(target=lambda: pattern.compiled, daemon=True)
    other.start()
    assert is_compiling.wait(60)
    found: list[re.Pattern[str]] = []
    mine = threading.Thread(target=lambda: found.append(pattern.compiled), daemon=True)
    mine.start()
    mine.join(30)  # only against a hang

    assert [one.pattern for one in found] == ["a"]
    go_on.set()
    other.join(60)
