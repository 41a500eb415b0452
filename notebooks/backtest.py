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
# # Would it have been right?
#
# A model is judged on the past: it learns from what was known on a date, and what was bought afterwards decides. The
# same is done with simple ways to name ten items. How it is measured stands in `docs/backtest.md`.

# %%
import tempfile

import nextbuy as nb
from nextbuy.evaluate import BasketRules, EaseRegression, PersonalFrequency, Popularity, UserKnn

sample = nb.datasets.load_sample()
orders = nb.read_orders(sample.orders, catalog=sample.catalog)
orders

# %% [markdown]
# ## Two dates, five simple ways
#
# `baselines="published"` takes all eleven that ship. With a `resume_dir` a run that was stopped goes on where it was,
# and a second run reads everything back; `n_jobs=2` takes two processes.

# %%
kept = tempfile.mkdtemp()
model = nb.NextPurchase(horizon_days=30)
baselines = {
    "popularity": Popularity(),
    "personal frequency": PersonalFrequency(),
    "EASE": EaseRegression(),
    "user kNN": UserKnn(),
    "basket rules": BasketRules(),
}
report = nb.backtest(model, orders, cutoffs=2, baselines=baselines, resume_dir=kept)
report

# %%
nb.plot.scores(report)

# %% [markdown]
# ## New items and repeats are two questions
#
# Naming what somebody buys every month anyway is easy. Cross-selling lives in the items never bought before: all
# figures are lower there, and the lead is larger.

# %%
nb.plot.scores(report, kind="new")

# %%
columns = ["model", "recall", "recall_low", "recall_high", "ndcg", "ndcg_low", "ndcg_high", "hit_rate"]
report.summary.query("kind == 'new'")[columns].round(3)

# %% [markdown]
# ## Do the probabilities hold?
#
# Predictions are sorted into ten groups of equal number. On the line, as many bought as was promised.

# %%
nb.plot.calibration(report, kind="new")

# %%
nb.plot.calibration(report, kind="repeat")

# %% [markdown]
# Log-loss is about the rows that the model listed, the same rows for all; calibration error about a method's own rows.

# %%
columns = ["kind", "model", "log_loss", "auc", "calibration_error"]
report.summary.dropna(subset="log_loss")[columns].round(4)

# %% [markdown]
# ## Each customer's last basket
#
# The literature's question: what is in the last basket, given all before it? Each customer is asked as of the day of
# that basket. There is no horizon, so nothing is said about probabilities.

# %%
last = nb.backtest(
    PersonalFrequency(),
    orders,
    split="last_basket",
    min_baskets=15,
    refits=2,
    baselines={"popularity": Popularity(), "decayed": PersonalFrequency(half_life_days=60)},
)
last

# %%
nb.plot.scores(last)

# %% [markdown]
# ## Why this item?
#
# What an average candidate has, and what each source of knowledge adds to it. The rules can be recounted in the orders.

# %%
model = model.fit(orders)
rows = model.predict(kind="new", k=3)
row = rows[rows["source"] == "sequence"].sort_values("probability", ascending=False).iloc[0]
why = model.explain(row["customer_id"], row["item_id"])
why

# %%
print(why)

# %%
why.sources.round(3)
