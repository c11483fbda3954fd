"""What the tests of messages share."""

from __future__ import annotations

import pytest
from error_sites import Source


@pytest.fixture(scope="session")
def source() -> Source:
    return Source()
