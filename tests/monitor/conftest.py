import pytest

from otel_bitacora.resource import HostIdentity
from otel_bitacora.testing import FakeClock

from .stage import Stage, make_stage  # tests are no package


@pytest.fixture
def stage(identity: HostIdentity, clock: FakeClock) -> Stage:
    return make_stage(identity, clock)
