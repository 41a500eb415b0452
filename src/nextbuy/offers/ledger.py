"""Why a candidate was not offered: the codes and their sentences."""

from __future__ import annotations

MEANING = {
    "veto": "The item, its category or the customer is excluded by the policy.",
    "no_consent": "The customer has agreed to no channel of the policy.",
    "holdout": "The customer is in the global holdout, which gets no offers from any campaign.",
    "already_owned": "The customer has this durable item already.",
    "closed": "The window has ended: the need has passed or was met elsewhere.",
    "past_deadline": "The window opens after the campaign's deadline.",
    "not_yet": "The window opens after the last day of this plan; a later plan will have it.",
    "out_of_stock": "There is less in stock than the policy asks for.",
    "margin": "The discount leaves less margin than the policy asks for.",
    "negative_value": "The offer is worth less than the policy's minimum.",
    "duplicate_category": "A better offer of the same category goes to this customer.",
    "cap": "Every day of the window is closed by the cap on contacts or the item's cool-down.",
    "quiet": "Every day of the window lies too near another contact.",
    "quota": "The quota of the item or category went to offers worth more.",
    "budget": "The budget went to offers worth more.",
}
CODES = tuple(MEANING)
