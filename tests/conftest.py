"""Settings of all tests."""

from hypothesis import settings

settings.register_profile("any machine", deadline=None)  # shape checks compile at the first call
settings.load_profile("any machine")
