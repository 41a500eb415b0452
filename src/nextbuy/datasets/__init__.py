"""A generated do-it-yourself and home store whose truth is known, at any size."""

from nextbuy.datasets.campaign import simulate_campaign
from nextbuy.datasets.dataset import Dataset
from nextbuy.datasets.generator import make_orders
from nextbuy.datasets.sample import load_sample, sample_path, write_orders
from nextbuy.datasets.truth import truth_table

__all__ = [
    "Dataset",
    "load_sample",
    "make_orders",
    "sample_path",
    "simulate_campaign",
    "truth_table",
    "write_orders",
]
