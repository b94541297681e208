"""The table of campaigns."""

from __future__ import annotations

from fuzz import config, models, names, powercut, rasters, stores, tables
from fuzz.runner import Campaign

CAMPAIGNS = (
    Campaign("config", config.prepare, share=1.5, limit_s=30.0),
    Campaign("tables", tables.prepare, share=1.5, limit_s=30.0),
    Campaign("rasters", rasters.prepare, share=1.0, limit_s=30.0),
    Campaign("stores", stores.prepare, share=1.5, limit_s=60.0),
    Campaign("models", models.prepare, share=1.0, limit_s=60.0),
    Campaign("powercut", powercut.prepare, share=1.0, limit_s=60.0),
    Campaign("names", names.prepare, share=2.5, limit_s=400.0, minimum_s=60.0),
)
