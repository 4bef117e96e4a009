"""American places to live in: cities with their state, ZIP codes and telephone area codes."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """A city: ZIP codes from `zip_from` to `zip_to` (all real or next to real ones) and its area codes."""

    city: str
    state: str
    zip_from: int
    zip_to: int
    area_codes: tuple[str, ...]
    people: int


#: Population in ten thousands is the weight with which a place is drawn.
PLACES = (
    Place("Los Angeles", "CA", 90001, 90068, ("213", "310", "323"), 390),
    Place("San Diego", "CA", 92101, 92132, ("619", "858"), 138),
    Place("San Jose", "CA", 95110, 95139, ("408",), 100),
    Place("Sacramento", "CA", 95811, 95838, ("916",), 52),
    Place("Fresno", "CA", 93701, 93730, ("559",), 54),
    Place("Oakland", "CA", 94601, 94621, ("510",), 43),
    Place("Phoenix", "AZ", 85003, 85053, ("602", "480", "623"), 160),
    Place("Tucson", "AZ", 85701, 85750, ("520",), 54),
    Place("Las Vegas", "NV", 89101, 89149, ("702",), 64),
    Place("Reno", "NV", 89501, 89523, ("775",), 26),
    Place("Denver", "CO", 80202, 80239, ("303", "720"), 71),
    Place("Colorado Springs", "CO", 80903, 80925, ("719",), 48),
    Place("Salt Lake City", "UT", 84101, 84118, ("801",), 20),
    Place("Albuquerque", "NM", 87102, 87123, ("505",), 56),
    Place("Seattle", "WA", 98101, 98126, ("206",), 74),
    Place("Portland", "OR", 97201, 97239, ("503",), 65),
    Place("Houston", "TX", 77002, 77099, ("713", "281", "832"), 230),
    Place("San Antonio", "TX", 78201, 78259, ("210",), 143),
    Place("Dallas", "TX", 75201, 75254, ("214", "972"), 130),
    Place("Austin", "TX", 78701, 78759, ("512",), 96),
    Place("Miami", "FL", 33125, 33187, ("305", "786"), 44),
    Place("Tampa", "FL", 33602, 33647, ("813",), 38),
    Place("Orlando", "FL", 32801, 32839, ("407",), 31),
    Place("Jacksonville", "FL", 32202, 32258, ("904",), 95),
    Place("Atlanta", "GA", 30303, 30354, ("404", "770"), 50),
    Place("Charlotte", "NC", 28202, 28278, ("704",), 87),
    Place("Raleigh", "NC", 27601, 27617, ("919",), 47),
    Place("Nashville", "TN", 37201, 37221, ("615",), 69),
    Place("New Orleans", "LA", 70112, 70131, ("504",), 38),
    Place("Chicago", "IL", 60601, 60661, ("312", "773"), 270),
    Place("Columbus", "OH", 43201, 43235, ("614",), 90),
    Place("Cleveland", "OH", 44102, 44135, ("216",), 37),
    Place("Detroit", "MI", 48201, 48235, ("313",), 63),
    Place("Indianapolis", "IN", 46201, 46260, ("317",), 88),
    Place("Milwaukee", "WI", 53202, 53228, ("414",), 57),
    Place("Minneapolis", "MN", 55401, 55419, ("612",), 43),
    Place("Kansas City", "MO", 64105, 64157, ("816",), 51),
    Place("Omaha", "NE", 68102, 68137, ("402",), 48),
    Place("New York", "NY", 10001, 10040, ("212", "646"), 160),
    Place("Brooklyn", "NY", 11201, 11239, ("718", "347"), 260),
    Place("Buffalo", "NY", 14201, 14222, ("716",), 27),
    Place("Newark", "NJ", 7102, 7114, ("973",), 31),
    Place("Jersey City", "NJ", 7302, 7311, ("201",), 29),
    Place("Philadelphia", "PA", 19102, 19154, ("215",), 158),
    Place("Pittsburgh", "PA", 15201, 15239, ("412",), 30),
    Place("Boston", "MA", 2108, 2136, ("617",), 67),
    Place("Worcester", "MA", 1602, 1610, ("508",), 20),
    Place("Hartford", "CT", 6103, 6120, ("860",), 12),
    Place("Providence", "RI", 2903, 2912, ("401",), 19),
    Place("Portland", "ME", 4101, 4103, ("207",), 7),
    Place("Baltimore", "MD", 21201, 21239, ("410",), 58),
    Place("Richmond", "VA", 23219, 23238, ("804",), 23),
    Place("Anchorage", "AK", 99501, 99518, ("907",), 29),
    Place("Honolulu", "HI", 96813, 96826, ("808",), 34),
    Place("Boise", "ID", 83702, 83716, ("208",), 24),
    Place("Billings", "MT", 59101, 59106, ("406",), 12),
    Place("Fargo", "ND", 58102, 58104, ("701",), 13),
    Place("Cheyenne", "WY", 82001, 82009, ("307",), 7),
)

STREETS = (
    "Main St",
    "Oak St",
    "Pine St",
    "Maple Ave",
    "Cedar Ave",
    "Elm St",
    "Washington Ave",
    "Lake Dr",
    "Hill Rd",
    "Park Ave",
    "Sunset Blvd",
    "Highland Ave",
    "River Rd",
    "Church St",
    "Mill Rd",
    "Spring St",
    "Franklin St",
    "Jefferson Ave",
    "Lincoln Way",
    "Madison Ave",
    "Chestnut St",
    "Walnut St",
    "Willow Ln",
    "Meadow Ln",
    "Forest Dr",
    "Valley View Dr",
    "Orchard Rd",
    "Prospect Ave",
    "Canyon Rd",
    "Mesa Dr",
    "Desert Willow Way",
    "Magnolia Blvd",
    "Peachtree St",
    "Bayview Ct",
    "Harbor Dr",
    "Broadway",
)
