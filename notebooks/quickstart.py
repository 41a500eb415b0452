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
# # nextbuy in ten minutes
#
# A home store, two years of orders, about 4,700 customers. The store is generated, so the truth is known: who buys
# tiles comes back for a bathtub, a toilet, a sink, a cabinet, a shower and a tap, each after its own time.

# %%
import nextbuy as nb

sample = nb.datasets.load_sample()
orders = nb.read_orders(sample.orders, catalog=sample.catalog)
orders

# %% [markdown]
# Nothing was dropped silently: what the checks found, and what was done about it.

# %%
orders.problems[["problem", "rows", "kept", "merged", "set_aside", "action"]]

# %% [markdown]
# ## What follows what
#
# `confidence` is the share of exposed customers who follow within 180 days (corrected for those whose window has not
# ended); `lift_low` is the lower bound of how many times more often than activity, taste and season alone would give.

# %%
links = nb.SequentialRules(level="category").fit(orders)
columns = ["consequent", "exposed", "followed", "confidence", "lift_low", "lag_p10", "lag_p50", "lag_p90"]
links.after("tiles")[columns].round(2)

# %% [markdown]
# The truth that the store was generated from. The rules were never shown it.

# %%
truth = sample.truth
planted = truth[(truth["antecedent"] == "tiles") & (truth["kind"] == "link")]
planted[["consequent", "share", "lag_p10", "lag_p50", "lag_p90"]].round(1)

# %%
nb.plot.lags(links, "tiles", "bathtub")

# %% [markdown]
# Somebody bought tiles 20 days ago and no bathtub yet. How likely is one in the next two weeks?

# %%
round(links.probability("tiles", "bathtub", elapsed_days=20, horizon_days=14), 3)

# %% [markdown]
# ## What goes into one basket
#
# The checklist at the till: no customer needed.

# %%
rules = nb.AssociationRules(min_support=0.001, level="category").fit(orders)
rules.complete(["tiles"], k=5)

# %% [markdown]
# ## Who buys what next

# %%
model = nb.NextPurchase(horizon_days=30).fit(orders)
predictions = model.predict(kind="new", k=3)
likely = predictions[predictions["source"] == "sequence"].sort_values("probability", ascending=False)
likely[
    ["customer_id", "item_id", "probability", "window_start", "window_end", "window_status", "reason"]
].head(5)

# %% [markdown]
# ## Which offers are worth sending

# %%
plan = nb.OfferPlanner(nb.OfferPolicy(max_per_customer=2, quiet_days=7)).plan(
    predictions, as_of=model.as_of_, catalog=sample.catalog
)
plan.summary

# %%
plan.offers[
    ["customer_id", "item_name", "send_on", "expires_on", "probability", "expected_value", "reason"]
].head(5)

# %% [markdown]
# ## Does it work?
#
# Fit on what was known at a past date, score what came after, beside the baselines.

# %%
report = nb.backtest(model, orders, cutoffs=1)
print(report.verdict)
report.summary.round(3)

# %%
nb.plot.calibration(report)
