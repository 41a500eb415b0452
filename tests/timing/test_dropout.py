"""The models of repeat orders, against published figures and against simulation."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from nextbuy.timing.dropout import Dropout, fit_dropout
from nextbuy.timing.spend import Spend, fit_spend


def _cdnow(shared_data, cut="1997-10-01"):
    lines = pd.read_parquet(shared_data / "cdnow.parquet").query("sample_id.notna() and timestamp < @cut")
    days = lines.drop_duplicates(["customer_id", "timestamp"]).groupby("customer_id")["timestamp"]
    last_known = pd.Timestamp(cut) - pd.Timedelta(days=1)
    weeks = pd.Timedelta(days=7)
    return days.size() - 1, (days.max() - days.min()) / weeks, (last_known - days.min()) / weeks


def test_cdnow_gives_the_published_parameters(shared_data):
    """BG/NBD on CDNOW: r .243, alpha 4.414, a .793, b 2.426, -9582.4 (Fader, Hardie and Lee 2005, table 2)."""
    fitted = fit_dropout(*_cdnow(shared_data), model="bg")
    found = [fitted.r, fitted.alpha, fitted.a, fitted.b]
    np.testing.assert_allclose(found, [0.243, 4.414, 0.793, 2.426], atol=1e-3)
    assert fitted.log_likelihood == pytest.approx(-9582.43, abs=0.05)


def test_the_unit_of_time_changes_nothing_but_alpha(shared_data):
    """In days alpha is seven times that in weeks; r, a, b and every probability stay."""
    x, recency, age = _cdnow(shared_data)
    weeks, days = fit_dropout(x, recency, age), fit_dropout(x, 7 * recency, 7 * age)
    np.testing.assert_allclose(
        [days.r, days.alpha / 7, days.a, days.b], [weeks.r, weeks.alpha, weeks.a, weeks.b], rtol=1e-4
    )
    np.testing.assert_allclose(
        days.any_order(x, 7 * recency, 7 * age, 91), weeks.any_order(x, recency, age, 13), rtol=1e-4
    )


def _simulated(model, customers=60_000, seed=3):
    """Orders of customers who drop out, drawn from the model itself; the truth of the following 100 days."""
    random = np.random.default_rng(seed)
    rate, quits = random.gamma(0.8, 1 / 20, customers), random.beta(0.7, 2.0, customers)
    age = random.integers(100, 400, customers).astype(float)
    frequency, recency, later = (np.zeros(customers) for _ in range(3))
    time, here = np.zeros(customers), np.ones(customers, bool)
    if model == "mbg":
        here &= random.random(customers) >= quits
    while here.any():
        time = time + random.exponential(1 / rate)
        seen, after = here & (time <= age), here & (time > age) & (time <= age + 100)
        frequency[seen] += 1
        recency[seen] = time[seen]
        later[after] += 1
        here &= (time <= age + 100) & (random.random(customers) >= quits)
    return frequency, recency, age, later


@pytest.mark.parametrize("model", ["bg", "mbg"])
def test_a_simulated_world_is_found_again(model):
    """Customers drawn from the model give its parameters, orders to come and chances back."""
    x, recency, age, later = _simulated(model)
    fitted = fit_dropout(x, recency, age, model=model)
    np.testing.assert_allclose([fitted.r, fitted.alpha, fitted.a, fitted.b], [0.8, 20, 0.7, 2.0], rtol=0.12)
    expected = fitted.expected_orders(x, recency, age, 100)
    chance = fitted.any_order(x, recency, age, 100)
    assert expected.sum() == pytest.approx(later.sum(), rel=0.03)
    assert chance.mean() == pytest.approx((later > 0).mean(), rel=0.03)
    for group in (x == 0, (x > 0) & (x < 5), x >= 5):
        assert expected[group].mean() == pytest.approx(later[group].mean(), rel=0.05)
        assert chance[group].mean() == pytest.approx((later[group] > 0).mean(), rel=0.05)
    truth = fit_dropout(x, recency, age, model=model).log_likelihood
    assert truth >= fitted.log_likelihood - 1e-9


@pytest.mark.parametrize("a", [0.3, 0.99995, 1.0, 1.00005, 2.5])
@pytest.mark.parametrize("model", ["bg", "mbg"])
def test_expected_orders_equal_the_integral(a, model):
    """The closed form is the mean of (1 - (1 + p t / (alpha + T)) ** -(r + x)) / p over the posterior of p."""
    r, alpha, b = 0.6, 12.0, 1.7
    model_ = Dropout(r, alpha, a, b, model, 0.0)
    for x, recency, age, horizon in ((0, 0.0, 50.0, 30.0), (3, 40.0, 90.0, 200.0), (400, 700.0, 705.0, 60.0)):
        own = (np.array([x]), np.array([recency]), np.array([age]))
        beta = stats.beta(a, b + x + (model == "mbg"))

        def orders(p, beta=beta, x=x, age=age, horizon=horizon):
            return beta.pdf(p) * -np.expm1(-(r + x) * np.log1p(p * horizon / (alpha + age))) / p

        edges = [0, *beta.ppf([1e-6, 0.01, 0.1, 0.5, 0.9, 0.999]), 1]
        mean = sum(integrate.quad(orders, low, high, limit=200)[0] for low, high in itertools.pairwise(edges))
        expected = model_.expected_orders(*own, horizon)[0] / model_.alive(*own)[0]
        assert expected == pytest.approx(mean, rel=2e-5)


def test_nothing_is_ever_nan():
    """Enormous and tiny numbers of orders, ages and parameters give finite chances between 0 and 1."""
    x = np.array([0, 1, 1, 5_000, 0, 300])
    recency, age = np.array([0, 0, 1e4, 1e4, 0, 1.0]), np.array([0, 1e4, 1e4, 1e4, 1e5, 1e5])
    for model in ("bg", "mbg"):
        for given in ((1e-4, 1e-3, 1e-4, 1e4), (9e3, 2e4, 1.0, 1.0), (0.2, 4.0, 2e4, 1e-4)):
            fitted = Dropout(*given, model, 0.0)
            for chance in (fitted.alive(x, recency, age), fitted.any_order(x, recency, age, 90)):
                assert np.isfinite(chance).all()
                assert ((chance >= 0) & (chance <= 1)).all()
            assert np.isfinite(fitted.expected_orders(x, recency, age, 90)).all()


@pytest.mark.parametrize(
    "rows",
    [
        ([0], [0], [0]),
        ([0, 0, 0], [0, 0, 0], [10, 20, 30]),
        ([5, 5, 5], [50, 50, 50], [50, 50, 50]),
        ([1], [3], [700]),
    ],
)
def test_hardly_any_customers_still_give_a_model(rows):
    """One customer, only one-time buyers or all alike: parameters and chances stay finite."""
    rows = tuple(np.array(column, float) for column in rows)
    for model in ("bg", "mbg"):
        fitted = fit_dropout(*rows, model=model)
        assert np.isfinite(fitted.any_order(*rows, 30)).all()


def test_spend_finds_the_parameters_it_was_drawn_from():
    """Gamma-gamma parameters and each customer's mean come back from simulated order values."""
    random = np.random.default_rng(5)
    n = 1 + random.poisson(3, 40_000)
    rate = random.gamma(4.0, 1 / 15.0, len(n))
    mean_value = random.gamma(6.0 * n) / (n * rate)
    fitted = fit_spend(n, mean_value)
    np.testing.assert_allclose([fitted.p, fitted.q, fitted.gamma], [6, 4, 15], rtol=0.06)
    expected = fitted.expected(n, mean_value)
    assert np.corrcoef(expected, 6 / rate)[0, 1] > 0.9
    assert expected.mean() == pytest.approx((6 / rate).mean(), rel=0.02)


def test_spend_of_strangers_is_the_mean_of_all():
    """Without an order the expected value is the population's mean, p gamma / (q - 1)."""
    spend = Spend(6.0, 4.0, 15.0)
    assert spend.expected(np.array([0]), np.array([np.nan]))[0] == pytest.approx(30.0)
    assert fit_spend(np.ones(5), np.ones(5)) is None
