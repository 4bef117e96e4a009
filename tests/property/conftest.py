"""How Hypothesis draws: a busy machine is no fault of the example that met it."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("leadflow", deadline=None)
settings.load_profile("leadflow")
