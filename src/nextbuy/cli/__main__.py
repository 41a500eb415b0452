"""`python -m nextbuy.cli`: the command without its script."""

from nextbuy.cli import main

main()
