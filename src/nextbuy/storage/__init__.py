"""How it lasts: model bundles, atomic files, output directories."""

from nextbuy.storage.bundle import load, read_manifest, save
from nextbuy.storage.errors import BundleError, RunError

__all__ = ["BundleError", "RunError", "load", "read_manifest", "save"]
