"""What is planted in the generated shop: projects, companions, cycles, seasons, decoys, as plain tables."""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple


class Link(NamedTuple):
    """After `antecedent`, the share `share` buys `consequent`, after a gamma lag of `mean_days`."""

    antecedent: str
    consequent: str
    share: float
    mean_days: float
    shape: float = 3.0


class Project(NamedTuple):
    """An undertaking: `starters` of all customers begin it with `start`, in its `season`."""

    name: str
    start: str
    starters: float
    season: str
    links: tuple[Link, ...]


class Companion(NamedTuple):
    """In the order that holds `item`, `share` also takes `other`, `per_piece` pieces a piece of `item`."""

    item: str
    other: str
    share: float
    per_piece: float


class Cycle(NamedTuple):
    """The share `owners` of all customers buys `category` again and again, each at a pace of their own."""

    category: str
    owners: float
    mean_days: float
    spread: float  # standard deviation of the log of the personal mean between customers


class Season(NamedTuple):
    """A bell over the year around `peak_day`, on a floor; `floor` 1 and `height` 0 is no season."""

    peak_day: float
    width_days: float
    floor: float
    height: float


# A consequent belongs to one project and has one antecedent, so that each planted link is unambiguous.
PROJECTS: tuple[Project, ...] = (
    Project(
        "bathroom",
        "tiles",
        0.30,
        "none",
        (
            Link("tiles", "shower", 0.40, 20),
            Link("tiles", "toilet", 0.52, 25),
            Link("tiles", "bathtub", 0.38, 30),
            Link("tiles", "sink", 0.50, 45, 4.0),
            Link("tiles", "tap", 0.46, 55, 4.0),
            Link("tiles", "cabinet", 0.42, 62, 4.0),
            Link("cabinet", "mirror", 0.40, 14),
        ),
    ),
    Project(
        "kitchen",
        "kitchen_units",
        0.16,
        "none",
        (
            Link("kitchen_units", "worktop", 0.55, 12),
            Link("kitchen_units", "cooker_hood", 0.35, 38, 4.0),
            Link("kitchen_units", "splashback", 0.30, 55, 4.0),
            Link("worktop", "kitchen_sink", 0.50, 10),
            Link("worktop", "hob", 0.45, 18),
            Link("kitchen_sink", "kitchen_tap", 0.55, 7),
        ),
    ),
    Project(
        "garden",
        "raised_bed",
        0.16,
        "early_spring",
        (
            Link("raised_bed", "soil", 0.60, 6),
            Link("raised_bed", "plants", 0.50, 15),
            Link("raised_bed", "hose", 0.30, 35),
            Link("plants", "fertiliser", 0.40, 25),
            Link("plants", "plant_supports", 0.35, 20),
        ),
    ),
    Project(
        "painting",
        "wallpaper_remover",
        0.18,
        "none",
        (
            Link("wallpaper_remover", "plaster_filler", 0.50, 4),
            Link("plaster_filler", "primer", 0.50, 5),
            Link("primer", "paint", 0.60, 4),
        ),
    ),
    Project(
        "nursery",
        "cot",
        0.10,
        "none",
        (
            Link("cot", "changing_table", 0.45, 20),
            Link("cot", "nursery_wardrobe", 0.35, 45),
            Link("cot", "safety_gate", 0.50, 200, 12.0),
            Link("safety_gate", "socket_covers", 0.50, 10),
            Link("cot", "child_bed", 0.40, 420, 30.0),
        ),
    ),
    Project(
        "deck",
        "deck_boards",
        0.12,
        "spring",
        (
            Link("deck_boards", "deck_oil", 0.50, 40, 4.0),
            Link("deck_boards", "garden_furniture", 0.45, 30),
            Link("deck_boards", "outdoor_lights", 0.35, 22),
            Link("garden_furniture", "parasol", 0.40, 15),
            Link("garden_furniture", "cushion_box", 0.30, 35),
        ),
    ),
    Project(
        "lighting",
        "ceiling_lamp",
        0.14,
        "none",
        (
            Link("ceiling_lamp", "dimmer", 0.35, 8),
            Link("ceiling_lamp", "smart_bulb", 0.40, 12),
            Link("ceiling_lamp", "floor_lamp", 0.30, 32),
            Link("floor_lamp", "table_lamp", 0.35, 25),
            Link("smart_bulb", "smart_hub", 0.35, 20),
        ),
    ),
    Project(
        "flooring",
        "laminate",
        0.16,
        "none",
        (
            Link("laminate", "skirting", 0.55, 6),
            Link("laminate", "door_trim", 0.35, 11),
            Link("laminate", "floor_care", 0.40, 30),
            Link("laminate", "rug", 0.30, 48),
            Link("skirting", "sealing_strip", 0.40, 4),
        ),
    ),
    Project(
        "home_office",
        "desk",
        0.12,
        "none",
        (
            Link("desk", "office_chair", 0.50, 9),
            Link("desk", "desk_lamp", 0.35, 16),
            Link("desk", "shelf", 0.40, 28),
            Link("shelf", "storage_box", 0.50, 12),
        ),
    ),
    Project(
        "stove",
        "stove",
        0.07,
        "autumn",
        (
            Link("stove", "stove_pipe", 0.55, 5),
            Link("stove", "firewood", 0.55, 15),
            Link("stove", "fireguard", 0.35, 22),
        ),
    ),
)

COMPANIONS: tuple[Companion, ...] = (
    Companion("tiles", "adhesive", 0.65, 0.35),
    Companion("tiles", "grout", 0.55, 0.2),
    Companion("tiles", "spacers", 0.35, 0.1),
    Companion("kitchen_units", "handles", 0.50, 2.0),
    Companion("paint", "paint_roller", 0.45, 0.5),
    Companion("paint", "masking_tape", 0.40, 1.0),
    Companion("laminate", "underlay", 0.70, 0.2),
    Companion("deck_boards", "deck_screws", 0.70, 0.1),
    Companion("cot", "cot_mattress", 0.70, 1.0),
    Companion("ceiling_lamp", "light_bulb", 0.40, 2.0),
    Companion("barbecue", "charcoal", 0.55, 2.0),
    Companion("screws", "plugs", 0.25, 1.0),
)

CYCLES: tuple[Cycle, ...] = (
    Cycle("light_bulb", 0.15, 120, 0.40),
    Cycle("water_filter", 0.08, 60, 0.25),
    Cycle("air_filter", 0.05, 90, 0.25),
    Cycle("cleaning", 0.15, 50, 0.45),
    Cycle("pet_food", 0.07, 30, 0.35),
    Cycle("bird_food", 0.05, 42, 0.35),
    Cycle("paint_roller", 0.06, 110, 0.50),
)
REGULAR_SHARE = 0.8  # the rest buys at irregular times
REGULAR_SHAPE, IRREGULAR_SHAPE = 12.0, 1.5

SEASONS: dict[str, Season] = {
    "none": Season(0, 1, 1.0, 0.0),
    "early_spring": Season(80, 18, 0.05, 1.0),
    "spring": Season(115, 28, 0.10, 1.0),
    "summer": Season(180, 26, 0.06, 1.0),
    "autumn": Season(300, 24, 0.05, 1.0),
    "winter": Season(345, 16, 0.03, 1.0),
}

# Popular everyday goods: whoever comes often buys all of them. No link.
BUSY_DECOYS: tuple[tuple[str, str], ...] = tuple(
    combinations(("screws", "gloves", "tape", "glue", "batteries", "silicone"), 2)
)

# The second's season comes within half a year after the first's. No link.
SEASON_DECOYS: tuple[tuple[str, str], ...] = (
    ("barbecue", "heater"),
    ("pool", "leaf_tools"),
    ("fan", "heater"),
    ("pool", "heater"),
    ("heater", "snow_shovel"),
    ("leaf_tools", "christmas"),
    ("christmas", "seed_trays"),
    ("snow_shovel", "seed_trays"),
)

# Two colours of one cup: those who like cups buy both, in either order. No direction.
TASTE_ITEM_PAIRS: tuple[tuple[str, str], ...] = (("MUG-0001", "MUG-0002"),)
TASTE_LIKES, TASTE_DISLIKES = 5.0, 0.4  # how much likelier a category is inside and outside one's taste
