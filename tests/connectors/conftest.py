"""Properties are about answers, not about time: on a busy machine the first example of each is slow."""

from hypothesis import settings

settings.register_profile("connectors", deadline=None)
settings.load_profile("connectors")
