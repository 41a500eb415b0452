"""Input from strangers: what must never break, fed with what nobody would write."""
