"""Projects and cycles follow the truth that is written beside them."""

import numpy as np
import pandas as pd
import pytest

from nextbuy.datasets.people import People
from nextbuy.datasets.plans import draw_cycles
from nextbuy.datasets.projects import CYCLES


@pytest.fixture(scope="module")
def links(shop):
    """Each planted link's truth beside what the generator drew."""
    drawn = shop.events.groupby(["antecedent", "consequent"], as_index=False).agg(
        count=("planned", "size"), planned=("planned", "mean"), lag_mean=("lag_days", "mean"),
        lag_std=("lag_days", "std"), lag_median=("lag_days", "median"),
    )  # fmt: skip
    truth = shop.truth[shop.truth["kind"] == "link"]
    joined = truth.merge(drawn, on=["antecedent", "consequent"], how="left", validate="one_to_one")
    assert joined["count"].notna().all()
    return joined


def test_planned_share_is_the_truth(links):
    """The share that plans to follow is the written one, within four standard errors, for each link."""
    error = np.sqrt(links["share"] * (1 - links["share"]) / links["count"])
    assert ((links["planned"] - links["share"]).abs() < 4 * error).all()


def test_lags_are_the_truth(links):
    """Mean and median lag are the written ones within four standard errors, and a half day for rounding."""
    error = links["lag_std"] / np.sqrt(links["count"])
    assert ((links["lag_mean"] - links["lag_mean_days"]).abs() < 4 * error + 0.5).all()
    assert ((links["lag_median"] - links["lag_p50"]).abs() < 4 * 1.25 * error + 1.0).all()


def test_lag_tails_are_the_truth(shop, links):
    """A tenth of the lags lies below p10 and a tenth above p90, give or take the rounding to open days."""
    lags = dict(iter(shop.events.groupby(["antecedent", "consequent"])["lag_days"]))
    for row in links.itertuples():
        lag = lags[row.antecedent, row.consequent]
        error = 4 * np.sqrt(0.09 / row.count)
        assert (lag <= row.lag_p10 - 1.5).mean() < 0.1 + error
        assert (lag <= row.lag_p10 + 1.5).mean() > 0.1 - error
        assert (lag <= row.lag_p90 - 1.5).mean() < 0.9 + error
        assert (lag <= row.lag_p90 + 1.5).mean() > 0.9 - error


def test_no_lag_is_below_one_day(shop):
    """A follower never comes on the day of the antecedent."""
    assert shop.events["lag_days"].min() >= 1


def test_what_happened_stands_in_the_orders(shop, purchases):
    """Each event that happened is found in the orders, antecedent and consequent, on its day."""
    bought = pd.MultiIndex.from_frame(purchases[["customer_id", "category", "day"]]).unique()
    came = shop.events[shop.events["happened"]]
    then = came["antecedent_date"] + pd.to_timedelta(came["lag_days"], unit="D")
    assert len(came) > 10_000
    for category, day in ((came["antecedent"], came["antecedent_date"]), (came["consequent"], then)):
        wanted = pd.MultiIndex.from_arrays([came["customer_id"], category, day])
        assert wanted.isin(bought).all()


def test_what_was_cut_off_is_after_the_end_or_after_leaving(shop):
    """A planned purchase is missing exactly when its customer had left or the data had ended."""
    events = shop.events[shop.events["planned"]].merge(shop.customers, on="customer_id")
    then = events["antecedent_date"] + pd.to_timedelta(events["lag_days"], unit="D")
    end = events["left"].fillna(pd.Timestamp("2024-06-01") + pd.Timedelta(days=730))
    assert (events["happened"] == (then < end)).all()
    assert (~events["happened"]).mean() > 0.03


def test_projects_start_until_the_end(shop):
    """Bathrooms are begun in each quarter of the span, the last too."""
    start = shop.events.query("project == 'bathroom' and consequent == 'bathtub'")["antecedent_date"]
    quarter = (start - pd.Timestamp("2024-06-01")).dt.days // 183
    assert (quarter.value_counts(normalize=True) > 0.15).sum() == 4


def test_gardens_start_in_spring(shop):
    """A bell of 18 days on a floor of .05 has 46.3 of its 63.4 parts within 35 days of the peak: 73 %."""
    start = shop.events.query("antecedent == 'raised_bed' and consequent == 'soil'")["antecedent_date"]
    assert start.dt.day_of_year.between(80 - 35, 80 + 35).mean() == pytest.approx(0.73, abs=0.04)


def test_project_goods_are_rarely_bought_without_a_project(shop, purchases):
    """Of the bathtubs some, but fewer than one in ten, are bought outside a bathroom project."""
    came = shop.events.query("consequent == 'bathtub' and happened")
    bathtubs = (purchases["category"] == "bathtub").sum()
    assert 0 < bathtubs - len(came) < 0.1 * bathtubs


def test_cycles_have_the_written_intervals():
    """Watched for long, owners' intervals have the written quantiles, each owner counted once."""
    from nextbuy.datasets.truth import truth_table

    size, days = 20_000, 6_000
    everybody = People(
        number=np.arange(size), activity=np.ones(size), joined=np.zeros(size, np.int64),
        left=np.full(size, days), taste=np.zeros(size, np.int64),
    )  # fmt: skip
    code_of = {cycle.category: code for code, cycle in enumerate(CYCLES)}
    wants = draw_cycles(np.random.default_rng(2), everybody, start_day=0, code_of=code_of)
    truth = truth_table().to_pandas().query("kind == 'replenishment'").set_index("antecedent")
    frame = pd.DataFrame(wants._asdict()).sort_values(["category", "customer", "day"])
    frame["gap"] = frame.groupby(["category", "customer"])["day"].diff()
    frame = frame.dropna()
    for cycle in CYCLES:
        own = frame[frame["category"] == code_of[cycle.category]]
        owners = own["customer"].nunique()
        assert owners / size == pytest.approx(cycle.owners, abs=4 * np.sqrt(cycle.owners / size))
        own = own.assign(weight=1 / own.groupby("customer")["gap"].transform("size")).sort_values("gap")
        below = own["weight"].cumsum() / owners
        for share, column in ((0.1, "lag_p10"), (0.5, "lag_p50"), (0.9, "lag_p90")):
            found = own["gap"].iloc[int(np.searchsorted(below, share))]
            assert found == pytest.approx(truth.loc[cycle.category, column], rel=0.1, abs=1.5)
