"""Which of a customer's items come first: learned within customers, dealt without changing any chance."""

import numpy as np
import pandas as pd
import pytest

import nextbuy as nb
from nextbuy.predict.order import deal, standard, surprise


def test_surprise_compares_an_item_with_the_customers_others():
    """Bought on four days of four candidates' mean of two: so many standard deviations above; none bought: unknown."""
    customer = np.array([0, 0, 0, 0, 1, 1])
    found = surprise(customer, np.array([0, 2, 2, 4, 0, 0]))
    np.testing.assert_allclose(found[:4], [-np.sqrt(2), 0, 0, np.sqrt(2)])
    assert np.isnan(found[4:]).all()


def test_standard_values_do_not_depend_on_other_customers():
    """Each customer's values have mean 0 and spread 1, whatever the other customers' are; equal values are 0."""
    customer = np.array([0, 0, 1, 1, 2])
    np.testing.assert_allclose(standard(customer, np.array([1.0, 3.0, 100.0, 500.0, 7.0])), [-1, 1, -1, 1, 0])


def test_dealing_follows_the_key_and_equal_keys_the_chance():
    """The highest chance goes to the highest key; where keys are equal the order stays as it was."""
    customer = np.array([0, 0, 0])
    dealt = deal(customer, np.array([0.1, 0.5, 0.2]), np.array([1.0, 0.0, 1.0]))
    assert dealt == pytest.approx([0.2, 0.1, 0.5], rel=1e-6)


def test_the_more_often_bought_comes_first():
    """Where all of a customer's items are sure to come again, those bought on more days still come first."""
    random = np.random.default_rng(6)
    days, customers = 200, 300
    rate = np.array([0.9, 0.7, 0.5, 0.05, 0.02])  # the first three come within 30 days all but surely
    day, customer, place = np.nonzero(random.random((days, customers, len(rate))) < rate)
    own = np.stack([random.choice(60, len(rate), replace=False) for _ in range(customers)])
    frame = pd.DataFrame(
        {
            "customer_id": customer,
            "item_id": own[customer, place],
            "timestamp": pd.Timestamp("2025-01-01") + pd.to_timedelta(day, "D"),
        }
    )
    rows = nb.NextPurchase().fit(nb.read_orders(frame)).predict(kind="repeat", k=3)
    items = rows.sort_values(["customer_id", "rank"])["item_id"].to_numpy().reshape(customers, 3)
    in_place = (items == own[:, :3]).mean(axis=0)
    assert (in_place > 0.9).all()
