"""Every exception that otel-bitacora raises on purpose.

BitacoraError
└── ReporterError
    ├── JournalUnavailable   the journal's directory can't be used as configured
    └── JournalDamaged       what was asked for lies in bytes that don't verify
"""


class BitacoraError(Exception):
    """The root of all of them."""


class ReporterError(BitacoraError):
    """Something about keeping or delivering log records."""


class JournalUnavailable(ReporterError):
    """The journal's directory can't be used as configured; the message says what to do."""


class JournalDamaged(ReporterError):
    """What was asked for lies in bytes that don't verify."""
