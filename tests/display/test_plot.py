"""Pictures show the numbers that were counted, with honest intervals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import poisson

import nextbuy as nb
from nextbuy.display.plot import _rate


@pytest.fixture(scope="module")
def links():
    """Mine planted lags: of those who buy A one in two buys B 20 to 29 days later."""
    random = np.random.default_rng(5)
    rows = []
    for customer in range(600):
        start = int(random.integers(0, 300))
        rows.append((customer, f"{customer}-a", start, "A"))
        if customer % 2:
            rows.append((customer, f"{customer}-b", start + int(random.integers(20, 30)), "B"))
        rows += [
            (customer, f"{customer}-{j}", int(random.integers(0, 500)), f"other{random.integers(0, 30)}")
            for j in range(4)
        ]
    lines = [
        {"customer_id": c, "order_id": o, "timestamp": str(np.datetime64("2024-01-01") + d), "item_id": i}
        for c, o, d, i in rows
    ]
    return nb.SequentialRules(fdr=None).fit(nb.read_orders(lines, as_of="2027-01-01"))


def test_the_lag_curve_shows_what_was_counted(links):
    """Each dot is followers by watched days of its bin, at the middle of the bin, in percent."""
    axes = nb.plot.lags(links, "A", "B")
    table = links.lags("A", "B")
    dots = axes.containers[0].lines[0]
    np.testing.assert_allclose(dots.get_xdata(), (table["lag_from"] + table["lag_to"]) / 2)
    np.testing.assert_allclose(dots.get_ydata(), 100 * table["followers"] / table["watch_days"])
    # the planted lags: no follower before day 14 or after day 30
    assert all(y == 0 for x, y in zip(*dots.get_data(), strict=True) if x < 14 or x > 30)
    assert axes.get_xlabel() == "days after A"
    assert axes.get_ylabel() == "buy B that day,\n% of those still without it"
    assert "of 100 buyers follow" in axes.get_title(loc="left")


def test_the_counts_below_are_the_customers_at_risk(links):
    """Under the axis stand the exposed customers at day 0, and nobody who followed by then."""
    axes = nb.plot.lags(links, "A", "B")
    words = [t.get_text() for t in axes.texts]
    exposed = int(links.after("A").query("consequent == 'B'")["exposed"].iloc[0])
    assert words[words.index("still watched") + 1] == f"{exposed:,}"
    assert words[words.index("followed so far") + 1] == "0"


def test_intervals_are_exact():
    """The interval's ends are the rates at which as many or more, as many or fewer, come in 2.5 % of cases."""
    events, days = np.array([0.0, 1.0, 7.0, 300.0]), np.array([50.0, 50.0, 100.0, 1000.0])
    rate, low, high = _rate(events, days)
    np.testing.assert_allclose(rate, events / days)
    assert low[0] == 0
    np.testing.assert_allclose(poisson.sf(events[1:] - 1, low[1:] * days[1:]), 0.025, rtol=1e-6)
    np.testing.assert_allclose(poisson.cdf(events, high * days), 0.025, rtol=1e-6)


def test_a_rule_that_is_none_is_named(links):
    """Asking for a pair without a rule says what to do."""
    with pytest.raises(nb.InputError, match="fdr=None"):
        nb.plot.lags(links, "B", "A")


def test_calibration_shows_every_bin(report):
    """Each bin is one dot at predicted and observed, in percent; a perfect model lies on the line."""
    axes = nb.plot.calibration(report)
    place = axes.collections[-1].get_offsets()
    np.testing.assert_allclose(place[:, 0], [0.1, 1, 5, 20])
    np.testing.assert_allclose(place[:, 1], [0.1, 1, 5, 20])
    naive = nb.plot.calibration(report, model="<b>naive</b>", kind="new").collections[-1].get_offsets()
    np.testing.assert_allclose(naive[:, 1], [0.3, 3, 15, 60])
    low, high = axes.get_xlim()
    assert low < 0.1
    assert high > 20


def test_an_unknown_model_is_answered_with_the_known(report):
    """A model or kind that is not in the report is named together with those that are."""
    with pytest.raises(nb.InputError, match="'model', '<b>naive</b>'"):
        nb.plot.calibration(report, model="oracle")


def test_scores_show_every_model_with_its_interval(report):
    """Best on top; each dot at its mean, each bar from low to high, and the gain over each other beside it."""
    axes = nb.plot.scores(report)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["<b>naive</b>", "model"]
    bars, dots = axes.lines[::2], axes.lines[1::2]
    np.testing.assert_allclose([bar.get_xdata() for bar in bars], [[0.23, 0.28], [0.28, 0.33]])
    assert [dot.get_xdata()[0] for dot in dots] == [0.25, 0.3]
    assert "+20 % (11 to 29)" in [text.get_text() for text in axes.texts]
    assert axes.get_xlabel() == "nDCG@10, all items"
    with pytest.raises(nb.InputError, match="metric='ndcg'"):
        nb.plot.scores(report, metric="luck")


def test_a_picture_goes_where_it_is_asked_to(report, links, tmp_path):
    """Given axes are drawn into, and the picture can be stored without a screen."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5), layout="constrained")
    left, right = figure.subplots(1, 2)
    assert nb.plot.lags(links, "A", "B", ax=left) is left
    assert nb.plot.calibration(report, ax=right) is right
    figure.savefig(tmp_path / "both.png")
    assert (tmp_path / "both.png").stat().st_size > 10_000
