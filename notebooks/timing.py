# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # When
#
# Three questions: how long after A does B come, when is the same thing bought again, and who is still a customer? And a
# fourth one: when does nobody know? Formulas and measurements stand in `docs/timing.md`.

# %%
import numpy as np

import nextbuy as nb

sample = nb.datasets.load_sample()
orders = nb.read_orders(sample.orders, catalog=sample.catalog)
orders

# %% [markdown]
# ## After tiles, a bathtub: how many days?
#
# Dots are what was counted, the line is what predictions use. Under the axis: how many customers were still watched.
# A histogram of the lags seen would forget all who have not come yet.

# %%
links = nb.SequentialRules(level="category").fit(orders)
nb.plot.lags(links, "tiles", "bathtub")

# %% [markdown]
# The same store was generated with known lags. Ten, fifty and ninety percent of the followers have come by:

# %%
truth = sample.truth
planted = truth[(truth["antecedent"] == "tiles") & (truth["consequent"] == "bathtub")]
found = links.after("tiles").query("consequent == 'bathtub'")
{
    "planted": planted[["lag_p10", "lag_p50", "lag_p90"]].round().to_numpy().tolist(),
    "found": found[["lag_p10", "lag_p50", "lag_p90"]].round().to_numpy().tolist(),
}

# %% [markdown]
# The chance of a bathtub in the next two weeks, by how many days ago the tiles were bought (and no bathtub since). It
# rises while the need comes nearer, and falls when those who need one have it.

# %%
{
    day: round(links.probability("tiles", "bathtub", elapsed_days=day, horizon_days=14), 3)
    for day in (0, 15, 30, 60, 90, 120, 150)
}

# %% [markdown]
# ## When nothing is to be known
#
# `timing_signal` says whether the lags of a rule have a shape of their own. `none` means: send it whenever you like.

# %%
links.rules_["timing_signal"].value_counts()

# %% [markdown]
# ## One customer's window

# %%
model = nb.NextPurchase(horizon_days=30).fit(orders)
rows = model.predict(kind="new", k=1)
timed = rows[rows["timing_signal"] == "strong"].sort_values("probability", ascending=False)
row = timed.iloc[0]
nb.plot.window(model, row["customer_id"], row["item_id"])

# %% [markdown]
# ## What is bought again and again
#
# The cadence is the customer's own, drawn to the item's where the customer shows few gaps. `regularity` 1 is a clock.
# A date never comes without its interval.

# %%
due = nb.replenishment(orders, min_purchases=4)
columns = [
    "customer_id",
    "item_id",
    "purchases",
    "elapsed_days",
    "cadence_p50",
    "regularity",
    "overdue",
    "due_date",
]
short = {"cadence_p50": 1, "regularity": 2, "overdue": 2}
due[~due["is_overdue"]].sort_values("regularity", ascending=False)[columns].head(8).round(short)

# %% [markdown]
# ## Who is still a customer
#
# The chance of any order within 30 days, by how often somebody ordered and how long ago. Look along a row: who used to
# come twenty times and has not come for half a year is gone; who came twice may only be slow.

# %%
activity = nb.CustomerActivity(horizon_days=30).fit(orders)
nb.plot.activity(activity)

# %%
people = activity.predict()
people[
    [
        "order_days",
        "frequency",
        "recency_days",
        "age_days",
        "p_alive",
        "p_order",
        "next_order_p10",
        "next_order_p50",
        "next_order_p90",
    ]
].head(5).round(2)

# %% [markdown]
# ## Was it right?
#
# Half of the customers choose the best 14 days for each rule, the other half says what they are worth. "Send now" and a
# fixed delay of 30 days stand beside it.

# %%
from nextbuy.evaluate.timing import window_hits
from nextbuy.mining.exposures import purchases
from nextbuy.mining.lags import count_lags, shrink
from nextbuy.timing.windows import best_windows

events = purchases(orders.level("category"))
ids = orders.level("category").item_ids.to_pylist()
chosen = links.rules_[(links.rules_["timing_signal"] == "strong") & (links.rules_["relation"] == "follows")]
a, b = (np.array([ids.index(name) for name in chosen[side]]) for side in ("antecedent", "consequent"))
learned, _ = count_lags(events.where(events.half), a, b, window_days=180)
table = shrink(learned, window_days=180)
_, others = count_lags(events.where(~events.half), a, b, window_days=180)
start = best_windows(table, np.arange(len(a)), np.zeros(len(a)), width_days=14).start
hits = window_hits({"best window": start[others.rule]}, others.lag, width_days=14, customer=others.customer)
{
    name: f"{rate.value:.2f} of the followers ({rate.low:.2f} to {rate.high:.2f})"
    for name, rate in hits.items()
}
