"""Command lines, policies and prediction files from strangers."""

from __future__ import annotations

import contextlib
import io
import os
import random
import warnings
from pathlib import Path

import nextbuy as nb
from hostile.guard import Broken, told, watched
from hostile.mutate import WORDS, mutated
from hostile.sources import CSVS
from nextbuy.cli.app import COMMANDS, run

POLICIES = (
    b"""max_per_customer = 1\nquiet_days = 14\ndiscounts = {tiles = 0.1}\nchannels = {email = 0.0, sms = 0.07}\n""",
    b"""[policy]
budget = 500.0\nquotas = {sink = 3}\nexclude_items = ["a"]\ndeadline = 2026-07-01\nsalt = "x"\ncoupons = true
""",
    b"""holdout = 0.1\nsend_at = "best_date"\nvalue = "response"\nrelative_uplift = 0.2
threshold = 50\nthreshold_discount = 0.05
""",
)
PREDICTIONS = (
    b"""customer_id,item_id,probability,window_start,best_date,window_end
C-1,sink,0.3,2026-06-01,2026-06-05,2026-06-20
C-2,tap,0.1,,,
C-2,=cmd,0.05,2026-06-03,2026-06-04,2026-06-09
""",
    "customer_id,item_id,probability\nГюв,1,0.5\n+359,2,1\n@x,3,0\n".encode(),
)
OPTIONS = (
    "--model", "--as-of", "--out", "--policy", "-k", "--kind", "--csv", "--overwrite", "--catalog",
    "--customer", "--order", "--time",
    "--item", "--quantity", "--price", "--time-format", "--timezone", "--encoding", "--query", "--json",
    "--quiet", "--strict",
    "--predictions", "--contacts", "--consent", "--stock", "--birthdays", "--holidays", "--adapter",
    "--no-projects", "--level", "--top",
    "--config", "--cutoffs", "--report", "--help", "--version", "--block-customers", "--", "-x",
)  # fmt: skip
PLACES = (
    "orders.csv",
    "policy.toml",
    "predictions.csv",
    "out",
    "model",
    ".",
    "*.csv",
    "nothing",
    "sqlite:///shop.db",
)
VALUES = (
    "2026-06-01",
    "5",
    "-1",
    "0",
    "new",
    "repeat",
    "basket",
    "item",
    "customer_id",
    "klaviyo",
    "UTC",
    "utf-8",
    "SELECT 1",
)
# what fits or simulates takes seconds, which teaches nothing about input
SLOW = {"demo", "backtest"}


class Policies:
    """Bytes of a policy."""

    seeds = POLICIES

    def __init__(self, place: Path) -> None:
        self.place = place

    def case(self, draw: random.Random) -> bytes:
        """Give the bytes of one case."""
        return mutated(draw.choice(POLICIES), draw, others=POLICIES)

    def run(self, content: bytes) -> str:
        """Read it."""
        path = self.place / "policy.toml"
        path.write_bytes(content)
        try:
            with watched(self.place):
                nb.OfferPolicy.from_toml(path).public()
        except Broken:
            raise
        except Exception as error:  # noqa: BLE001 - that is the question
            return told(error, [nb.InputError])
        return "read"


class Commands:
    """A command line over files that are broken themselves."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.seeds = (b"commands", bytes(range(40)))
        os.environ["NEXTBUY_TRACEBACK"] = "1"  # what nobody foresaw then shows itself on stderr
        nb.SequentialRules()

    def case(self, draw: random.Random) -> bytes:
        """Give what the case is drawn from."""
        return draw.randbytes(8)

    def tokens(self, draw: random.Random) -> list[str]:
        """Give a command line, half of the time one that makes sense."""
        command = draw.choice(sorted(set(COMMANDS) - SLOW))
        likely = {
            "check": ["orders.csv"],
            "rules": ["orders.csv", "--kind", draw.choice(("basket", "sequence"))],
            "plan": [
                "--predictions",
                "predictions.csv",
                "--as-of",
                "2026-06-01",
                "--out",
                "out",
                "--policy",
                "policy.toml",
                "--overwrite",
            ],
            "score": ["orders.csv", "--model", "model", "--as-of", "2026-06-01", "--out", "out"],
            "inspect": [draw.choice(("out", "model"))],
        }.get(command, [])
        words = [command, *likely]
        for _ in range(draw.choice((0, 0, 1, 1, 2, 4))):
            word = draw.choice(
                (
                    draw.choice(OPTIONS),
                    draw.choice(PLACES),
                    draw.choice(VALUES),
                    draw.choice(WORDS).decode("latin-1"),
                )
            )
            words.insert(draw.randrange(len(words) + 1), word)
        # neither another machine nor a place outside is asked for
        return [w.replace("/etc/", "").replace("../", "") for w in words if w not in {"/", "~"}]

    def run(self, content: bytes) -> str:
        """Run what `content` stands for."""
        return self.drawn(random.Random(content))  # noqa: S311 - no secret

    def drawn(self, draw: random.Random) -> str:
        """Write files, draw a command and run it in this process."""
        for name, seeds in (
            ("orders.csv", CSVS),
            ("policy.toml", POLICIES),
            ("predictions.csv", PREDICTIONS),
        ):
            body = draw.choice(seeds)
            (self.place / name).write_bytes(
                mutated(body, draw, others=seeds) if draw.random() < 0.5 else body
            )
        words, home, out, err = self.tokens(draw), Path.cwd(), io.StringIO(), io.StringIO()
        os.chdir(self.place)
        try:
            with (
                warnings.catch_warnings(),
                watched(self.place, seconds=60, forbid=False),
                contextlib.redirect_stdout(out),
                contextlib.redirect_stderr(err),
            ):
                warnings.simplefilter("ignore")
                code = run(words)
        except SystemExit as stop:
            raise Broken(f"{words}: exit {stop.code}") from stop
        except Broken as broken:
            raise Broken(f"{words}: {broken}") from broken
        except BaseException as error:
            raise Broken(f"{words}: {type(error).__name__}: {str(error)[:300]}") from error
        finally:
            os.chdir(home)
        told_ = err.getvalue()
        if "Traceback" in told_ or code not in {0, 1, 2, 3} or (code >= 2 and not told_.strip()):
            raise Broken(f"{words}: exit {code}: {told_[-1500:]}")
        return f"exit {code}"
