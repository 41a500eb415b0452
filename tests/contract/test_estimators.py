"""What scikit-learn expects of an estimator, for all of them."""

import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import nextbuy as nb
from nextbuy.evaluate import PersonalFrequency, Popularity


def _rules():
    return nb.SequentialRules(level="category", min_followed=5)


ESTIMATORS = [
    _rules(),
    nb.NextPurchase(horizon_days=20),
    Popularity(horizon_days=20),
    PersonalFrequency(),
    nb.Patterns(min_customers=12, max_gap_days=60, level="category"),
    nb.Projects(horizon_days=20, min_items=2),
]
names = [type(one).__name__ for one in ESTIMATORS]
every = pytest.mark.parametrize("estimator", ESTIMATORS, ids=names)


def _answer(estimator):
    for frame in ("rules_", "patterns_", "items_"):
        if hasattr(estimator, frame):
            return getattr(estimator, frame)
    return estimator.predict(k=3)


def _fit(estimator, orders):
    """Fit on orders; projects are made of rules."""
    return estimator.fit(_rules().fit(orders) if isinstance(estimator, nb.Projects) else orders)


def _halves(world, size):
    lines, people = world.orders, world.orders["customer_id"].unique()
    return [
        nb.read_orders(lines[lines["customer_id"].isin(part)], catalog=world.catalog)
        for part in (people[:size], people[size : 2 * size])
    ]


@pytest.fixture(scope="module")
def two_shops(small_world):
    return _halves(small_world, 150)


@pytest.fixture(scope="module")
def two_large_shops():
    """Give shops in which three links hang together."""
    return _halves(nb.datasets.make_orders(customers=2_400, days=500, seed=3), 1_000)


@every
def test_parameters_are_kept_as_given(estimator):
    """A clone has the same parameters, and set ones come back."""
    assert clone(estimator).get_params() == estimator.get_params()
    name, value = next(iter(estimator.get_params().items()))
    changed = clone(estimator).set_params(**{name: 7})
    assert changed.get_params()[name] == 7
    assert estimator.get_params()[name] == value


@every
def test_unfitted_says_so(estimator):
    """Asking an estimator that was not fitted raises scikit-learn's own error."""
    fresh = clone(estimator)
    name = "after" if isinstance(fresh, nb.SequentialRules) else "predict"
    ask = getattr(fresh, "get_state" if isinstance(fresh, (nb.Patterns, nb.Projects)) else name)
    arguments = ["tiles"] if name == "after" else []
    with pytest.raises(NotFittedError):
        ask(*arguments)


@every
def test_refitting_forgets_and_states_come_back(estimator, request):
    """Fit gives self; fitting anew equals a fresh fit; a state gives the same answers."""
    large = isinstance(estimator, nb.Projects)
    first, second = request.getfixturevalue("two_large_shops" if large else "two_shops")
    again = clone(estimator)
    assert _fit(again, first) is again
    _fit(again, second)
    wanted = _answer(_fit(clone(estimator), second))
    assert len(wanted)
    pd.testing.assert_frame_equal(_answer(again), wanted)
    if hasattr(estimator, "get_state"):
        pd.testing.assert_frame_equal(_answer(type(estimator).from_state(again.get_state())), wanted)


@pytest.mark.parametrize(
    ("estimator", "text"),
    [
        (nb.SequentialRules(window_days=0), "window_days=0"),
        (nb.SequentialRules(window_days=1.5), "window_days=1.5"),
        (nb.SequentialRules(burn_in_days=-1), "burn_in_days=-1"),
        (nb.SequentialRules(min_followed="8"), "min_followed='8'"),
        (nb.SequentialRules(fdr=2), "fdr=2"),
        (nb.SequentialRules(occurrence="last"), "occurrence='last'"),
        (nb.NextPurchase(horizon_days=0), "horizon_days=0"),
        (nb.NextPurchase(window_days=3.5), "window_days=3.5"),
        (Popularity(horizon_days=-1), "horizon_days=-1"),
        (PersonalFrequency(recent_days=0), "recent_days=0"),
    ],
)
def test_wrong_parameters_are_named(estimator, text, small_orders):
    """A wrong parameter is named with its value when fitting."""
    with pytest.raises(nb.InputError) as error:
        estimator.fit(small_orders)
    assert text in str(error.value)


@every
def test_only_orders_with_customers_are_learned_from(estimator, small_world):
    """A raw frame, and orders without customers, are refused with what to do."""
    with pytest.raises(nb.InputError, match="read_orders"):
        clone(estimator).fit(small_world.orders)
    with pytest.raises(nb.InputError, match="customer"):
        clone(estimator).fit(nb.read_orders(small_world.orders, customer=None))
