"""How it lasts: model bundles, atomic files, output directories."""

from nextbuy.storage.bundle import load, read_manifest, save
from nextbuy.storage.database import write_database
from nextbuy.storage.errors import BundleError, RunError
from nextbuy.storage.plans import write_plan
from nextbuy.storage.run import Plan, read_run, write_run

__all__ = [
    "BundleError",
    "Plan",
    "RunError",
    "load",
    "read_manifest",
    "read_run",
    "save",
    "write_database",
    "write_plan",
    "write_run",
]
