"""The real platform, for a client that speaks as the earlier frontend does."""

from tests.live.conftest import open_yard as open_yard
