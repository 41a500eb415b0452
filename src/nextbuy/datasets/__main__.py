"""Write a generated history: `python -m nextbuy.datasets OUT_DIR`."""

from __future__ import annotations

import sys
from argparse import ArgumentDefaultsHelpFormatter, ArgumentParser

from nextbuy.datasets.sample import SAMPLE, write_orders
from nextbuy.datasets.world import SCALES
from nextbuy.orders.errors import InputError


def main(arguments: list[str] | None = None) -> int:
    """Read the arguments, write the files, say how many lines there are."""
    parser = ArgumentParser(
        prog="python -m nextbuy.datasets",
        description="Write orders.parquet, items.parquet and truth.parquet.",
        formatter_class=ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("directory", metavar="OUT_DIR")
    parser.add_argument("--customers", type=int, default=SAMPLE["customers"])
    parser.add_argument("--days", type=int, default=SAMPLE["days"])
    parser.add_argument("--seed", type=int, default=SAMPLE["seed"])
    parser.add_argument("--scale", choices=sorted(SCALES), default="store")
    parser.add_argument(
        "--items", type=int, help="filler items up to so many; the scale's number if not given"
    )
    parser.add_argument(
        "--orders-per-customer", type=float, help="unplanned; the scale's number if not given"
    )
    parser.add_argument("--lines-per-order", type=float, help="the scale's number if not given")
    given = vars(parser.parse_args(arguments))
    directory = given.pop("directory")
    try:
        lines = write_orders(directory, **given)
    except InputError as error:
        parser.error(str(error))
    sys.stdout.write(f"{lines:,} lines in {directory}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
