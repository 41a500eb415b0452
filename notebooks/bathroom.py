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
# # Finding the bathroom
#
# Somebody buys tiles. When the tiles are laid, the same person needs a bathtub, a toilet, a sink, a cabinet, a shower
# and a tap. Nobody told the shop. Does its order history know?
#
# The history is generated, so that the truth is known; the rules never see it.

# %%
import numpy as np
import pandas as pd

import nextbuy as nb

sample = nb.datasets.load_sample()
orders = nb.read_orders(sample.orders, catalog=sample.catalog)
orders

# %% [markdown]
# ## What most tools would say
#
# Count who bought both, compare with chance, test. Customers differ enormously in how much they buy, and whoever buys
# much has bought everything: nearly every pair of categories is "significant".

# %%
lines = orders.level("category").frame()
bought = pd.crosstab(lines["customer_id"], lines["item_id"]).gt(0).astype(int)
both, buyers, customers = bought.T @ bought, bought.sum(), len(bought)
lift = both * customers / np.outer(buyers, buyers)
other = lift.where(~np.eye(len(lift), dtype=bool)).stack()
print(f"{(other > 1.2).sum():,} of {len(other):,} ordered pairs have a lift above 1.2")
lift["tiles"].drop("tiles").sort_values(ascending=False).head(10).round(2)

# %% [markdown]
# ## What follows tiles
#
# `SequentialRules` asks another question: of the customers who bought tiles and had no bathtub yet, how many bought one
# within 180 days, and how many would have anyway? "Anyway" means: this is how well bathtubs sold in those weeks, this
# is how much these customers buy, this is their taste, and this is how often the two come the other way round.

# %%
links = nb.SequentialRules(window_days=180, level="category").fit(orders)
columns = [
    "consequent",
    "exposed",
    "followed",
    "expected",
    "confidence",
    "lift",
    "lift_low",
    "direction",
    "via",
]
links.after("tiles")[columns].round(2)

# %% [markdown]
# The six are there. The mirror is there too, and `via` says how it comes about: tiles bring a cabinet, the cabinet
# brings a mirror, and without the cabinet nothing is left of tiles and mirror. An offer of a mirror belongs after the
# cabinet.
#
# The truth:

# %%
truth = sample.truth
planted = truth[(truth["kind"] == "link") & (truth["antecedent"].isin(["tiles", "cabinet"]))]
planted[["antecedent", "consequent", "share", "lag_p10", "lag_p50", "lag_p90"]].round(2)

# %% [markdown]
# Nothing leads back: no rule says that a bathtub brings tiles.

# %%
bathroom = ["bathtub", "toilet", "sink", "cabinet", "shower", "tap"]
links.rules_.query("consequent == 'tiles' and antecedent in @bathroom")[["antecedent", "consequent"]]

# %% [markdown]
# ## When
#
# The shower comes first, the cabinet last. Each curve is the chance per day that the follower comes, given that it has
# not come yet: the observed rate, and the shrunken one that predictions use.

# %%
nb.plot.lags(links, "tiles", "shower")

# %%
nb.plot.lags(links, "tiles", "cabinet")

# %% [markdown]
# All six, by their median lag, beside the truth:

# %%
found = links.after("tiles", k=20).set_index("consequent").loc[bathroom, ["lag_p10", "lag_p50", "lag_p90"]]
true = (
    planted[planted["antecedent"] == "tiles"]
    .set_index("consequent")
    .loc[bathroom, ["lag_p10", "lag_p50", "lag_p90"]]
)
found.join(true.add_suffix("_true")).sort_values("lag_p50").round(0)

# %% [markdown]
# ## For one customer
#
# Tiles were bought some days ago, no bathtub yet. The chance in the next two weeks rises, and falls again: after three
# months without a bathtub, silence is the better offer.

# %%
days = [0, 14, 28, 60, 90, 150]
chance = [links.probability("tiles", "bathtub", elapsed_days=d, horizon_days=14) for d in days]
pd.DataFrame({"days since tiles": days, "bathtub within 14 days": chance}).round(3)

# %% [markdown]
# ## What else stands there
#
# Nobody asked for tiles in particular. The categories with the most followers begin the shop's projects; adhesive,
# grout and spacers are bought in the same order as the tiles, and so lead to the same bathroom:

# %%
direct = links.rules_[links.rules_["via"].isna() & (links.rules_["lift_low"] > 2)]
direct.groupby("antecedent")["consequent"].agg(["size", list]).sort_values("size", ascending=False).head(8)

# %% [markdown]
# How many of all rules are true?

# %%
true_pairs = truth[~truth["kind"].str.startswith("decoy")][["antecedent", "consequent"]].drop_duplicates()
judged = links.rules_.merge(true_pairs, how="left", indicator=True)
is_true = judged["_merge"] == "both"
print(f"{is_true.sum()} of {len(judged)} rules are planted, or follow from what is planted.")
print(f"{links.replicated_share_:.0%} of the rules of one half of the customers show in the other half.")
