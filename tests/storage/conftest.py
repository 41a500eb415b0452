"""Small fitted models to store."""

from __future__ import annotations

import pytest

import nextbuy as nb


@pytest.fixture(scope="session")
def orders():
    data = nb.datasets.make_orders(customers=1_500, days=500, seed=7)
    return nb.read_orders(data.orders, catalog=data.catalog)


@pytest.fixture(scope="session")
def links(orders):
    return nb.SequentialRules(level="category").fit(orders)


@pytest.fixture(scope="session")
def rules(orders):
    return nb.AssociationRules(antecedents=None, max_length=3).fit(orders)
