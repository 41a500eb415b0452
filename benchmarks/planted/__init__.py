"""Planted worlds: order histories whose links are known, by two generators that share no mechanism."""
