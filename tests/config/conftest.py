from __future__ import annotations

from hypothesis import HealthCheck, settings

# A deadline measures the machine, not the code; so does the check that inputs are made fast.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
