"""The program that everybody works on: a small shop, what it does for its visitors, and what it says of itself."""

from __future__ import annotations

from dataclasses import dataclass

from otel_bitacora.reporter.core.level import LogLevel
from otel_bitacora.reporter.core.protobuf import Plain

from .chance import zipf
from .shapes import Shape, failure


@dataclass(frozen=True, eq=False)
class Step:
    """Something done for a visitor, and what becomes of it when it goes wrong."""

    shape: Shape
    failed: Shape
    is_database: bool = False
    is_remote: bool = False
    """Whether it needs the network."""


@dataclass(frozen=True, eq=False)
class Request:
    """What a visitor asks for, in one trace: some steps, and the answer, which takes as long as they do."""

    steps: tuple[Step, ...]
    answered: Shape
    broken: Shape


def _database(verb: str, table: str, least_us: int) -> Step:
    attributes: dict[str, Plain] = {
        "db.system.name": "postgresql",
        "db.operation.name": verb,
        "db.collection.name": table,
    }
    raised = failure(
        "shop.db.IntegrityError",
        f'duplicate key value violates unique constraint "{table}_pkey"',
        file="/srv/shop/db.py",
        line=88,
        function="execute",
        source="return self._cursor.execute(statement, parameters)",
    )
    text = f"{verb} {table} on connection {{n}}"
    shape = Shape("shop.db", text, LogLevel.DEBUG, line=90, attributes=attributes, least_us=least_us, is_traced=True)
    failed = Shape(
        "shop.db",
        f"{verb} {table} failed on connection {{n}}",
        LogLevel.ERROR,
        line=97,
        attributes={**attributes, **raised},
        least_us=least_us,
        is_traced=True,
    )
    return Step(shape, failed, is_database=True)


def _cache(what: str) -> Step:
    text = f"{what}:{{n}}"
    hit = Shape("shop.cache", f"hit {text}", LogLevel.DEBUG, line=31, least_us=120, is_traced=True)
    miss = Shape(
        "shop.cache", f"gave up on {text}, asking the database", LogLevel.WARN, line=44, least_us=400, is_traced=True
    )
    return Step(hit, miss)


def _charge() -> Step:
    attributes: dict[str, Plain] = {"server.address": "pay.example.com", "server.port": 443}
    declined = failure(
        "shop.payments.Declined",
        "the card was declined",
        file="/srv/shop/payments.py",
        line=57,
        function="charge",
        source="raise Declined(answer.reason)",
    )
    shape = Shape("shop.payments", "charged order {n}", line=61, attributes=attributes, least_us=9_000, is_traced=True)
    failed = Shape(
        "shop.payments",
        "couldn't charge order {n}",
        LogLevel.ERROR,
        line=64,
        attributes={**attributes, **declined},
        least_us=9_000,
        is_traced=True,
    )
    return Step(shape, failed, is_remote=True)


def _request(method: str, route: str, *steps: Step, status: int = 200, broken: int = 500) -> Request:
    def answer(code: int, level: LogLevel) -> Shape:
        attributes: dict[str, Plain] = {
            "http.request.method": method,
            "http.route": route.replace("{n}", "{id}"),
            "http.response.status_code": code,
        }
        text = f"{method} {route} {code}" if "{n}" in route else f"{method} {route} {code} to visitor {{n}}"
        return Shape("shop.web", text, level, line=112, attributes=attributes, least_us=250, is_traced=True)

    return Request(
        steps, answer(status, LogLevel.WARN if status >= 400 else LogLevel.INFO), answer(broken, LogLevel.ERROR)
    )


SESSION, CART, STOCK = _cache("session"), _cache("cart"), _cache("stock")
REQUESTS = zipf(
    (
        _request("GET", "/api/items", SESSION, _database("SELECT", "items", 1_800)),
        _request("GET", "/api/items/{n}", SESSION, STOCK, _database("SELECT", "items", 900)),
        _request("GET", "/healthz", broken=503),
        _request("GET", "/api/cart", SESSION, CART),
        _request("POST", "/api/cart", SESSION, STOCK, _database("UPDATE", "carts", 2_100), status=201),
        _request(
            "GET", "/api/orders/{n}", SESSION, _database("SELECT", "orders", 1_400), _database("SELECT", "lines", 1_900)
        ),
        _request(
            "POST",
            "/api/orders",
            SESSION,
            CART,
            _database("INSERT", "orders", 2_600),
            _charge(),
            _database("UPDATE", "stock", 2_200),
            status=201,
            broken=502,
        ),
        _request("GET", "/api/search", SESSION, _database("SELECT", "items_by_word", 7_500)),
        _request("GET", "/api/items/{n}", SESSION, _database("SELECT", "items", 900), status=404),
        _request("DELETE", "/api/cart", SESSION, _database("DELETE", "carts", 1_700), status=204),
        _request("POST", "/login", _database("SELECT", "users", 1_100), status=303),
    )
)
"""By how often they are asked for: the k-th about 1/k as often as the first."""

_COMPONENTS = (
    "shop.jobs.mail", "shop.jobs.index", "shop.jobs.thumbnails", "shop.jobs.invoices", "shop.stock", "shop.prices",
    "shop.sessions", "shop.search.words", "shop.search.rank", "shop.metrics", "shop.config", "shop.flags", "shop.web.static",
    "shop.web.csrf", "shop.web.limits", "shop.mail.queue", "shop.mail.bounce", "shop.audit", "shop.export.csv",
    "shop.import.feed", "shop.geo", "shop.tax", "shop.rates", "shop.reviews", "shop.wishlist", "shop.coupons", "shop.returns",
    "shop.labels", "shop.shipping.dhl", "shop.shipping.post", "shop.warehouse", "shop.admin", "shop.admin.reports", "shop.pdf",
    "shop.images", "shop.fonts", "shop.i18n", "shop.cron", "shop.locks", "shop.feature.stars",
)  # fmt: skip
_SAYINGS = (
    ("took job {n}", LogLevel.DEBUG, 300),
    ("finished job {n}", LogLevel.INFO, 4_000),
    ("refreshed {n} entries", LogLevel.DEBUG, 1_500),
    ("took {n} bytes longer than usual", LogLevel.WARN, 0),
)
CHATTER = zipf(
    tuple(
        Shape(component, text, level, line=20 + 7 * number, least_us=least_us)
        for text, level, least_us in _SAYINGS
        for number, component in enumerate(_COMPONENTS)
    )
)
"""What components say of themselves: a few loggers say most of it, many hardly anything."""
