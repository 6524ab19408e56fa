r"""Units of measurement, by pint: what a unit's words mean, and the exact factor between two of one quantity.

It knows a closed list of units, with SI prefixes. What is not in it (apples, students) is no unit to it: pint alone
would read ``people`` as a product of prefixes. It compares no values.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

MAX_CHARACTERS = 60

_UNITS = frozenset(
    (  # noqa: SIM905
        "meter gram second ampere kelvin mole candela minute hour day week inch foot yard mile liter newton "
        "joule watt pascal volt ohm hertz coulomb farad tesla weber henry lumen lux becquerel gray sievert siemens "
        "electron_volt calorie bar standard_atmosphere atmosphere torr pound ounce metric_ton knot degree radian "
        "acre hectare gallon quart pint cup fluid_ounce mile_per_hour kilometer_per_hour cubic_centimeter angstrom "
        "unified_atomic_mass_unit molar steradian nautical_mile light_year "
        "astronomical_unit parsec kilowatt_hour watt_hour dollar cent revolution revolutions_per_minute "
        "force_pound pound_force_per_square_inch horsepower british_thermal_unit dyne erg arcminute arcsecond"
    ).split()
)
_SPELLINGS = {
    "sec": "second", "secs": "second", "min": "minute", "mins": "minute", "hr": "hour", "hrs": "hour",
    "kms": "km", "cms": "cm", "mms": "mm", "kgs": "kg", "lbs": "pound",
    "yds": "yard", "ins": "inch", "kmh": "kilometer_per_hour", "kph": "kilometer_per_hour",
    "metres": "meter", "metre": "meter", "litres": "liter", "litre": "liter", "amp": "ampere", "amps": "ampere",
    "atm": "standard_atmosphere", "atmospheres": "standard_atmosphere", "ev": "eV", "feet": "foot",
}  # fmt: skip
_SHAPES = (
    (re.compile(r"\\mu\s*"), "µ"),
    (re.compile(r"\\Omega(?![A-Za-z])"), "ohm"),
    (re.compile(r"^\s*1\s*/"), "/"),
    (re.compile(r"\bsq(?:uare|\.)?\s+([A-Za-z]+)"), r"\1**2"),
    (re.compile(r"\b(?:cubic|cu\.?)\s+([A-Za-z]+)"), r"\1**3"),
    (re.compile(r"([A-Za-z]+)\s+squared"), r"\1**2"),
    (re.compile(r"([A-Za-z]+)\s+cubed"), r"\1**3"),
    (re.compile(r"\s*\bper\b\s*|\s*/\s*"), "/"),
    (re.compile(r"\bdeg(?:rees?)?\s+(?=[CF])|\^?\{?\\circ\s*\}?\s*|°\s*"), "deg"),
    (re.compile(r"\\(?:cdot|times)\s*|·|⋅|-(?=[A-Za-z])"), "*"),
    (re.compile(r"\^\s*\{?\s*(-?\d+)\s*\}?"), r"**\1"),
    (re.compile(r"(?<=[A-Za-z])(-?[23])(?![\d*])"), r"**\1"),
    (re.compile(r"[\\{}~]|\btext\b|\bmathrm\b"), " "),
)
_TOKEN = re.compile(r"\s*(?:(?P<name>[A-Za-zµμ_]+)(?:\s*\*\*\s*(?P<power>-?\d))?|(?P<sign>[*/]))")
_TEMPERATURE = frozenset({("[temperature]", 1)})


class Measure(NamedTuple):
    """A unit: what a value in it is multiplied by, and shifted by, to be in SI units, and what it measures."""

    scale: Fraction
    offset: Fraction
    dimension: frozenset[tuple[str, int]]

    def convert(self, value: Fraction, to: "Measure") -> Fraction:
        """A value in this unit, in another one of the same dimension."""
        return (value * self.scale + self.offset - to.offset) / to.scale


_CELSIUS = Measure(Fraction(1), Fraction("273.15"), _TEMPERATURE)
_FAHRENHEIT = Measure(Fraction(5, 9), Fraction("459.67") * Fraction(5, 9), _TEMPERATURE)
_CALENDAR = frozenset({("[calendar]", 1)})
_MONTH, _YEAR = Measure(Fraction(1), Fraction(0), _CALENDAR), Measure(Fraction(12), Fraction(0), _CALENDAR)
_OWN = {  # what pint reads otherwise: a year is no fixed number of days in problems, and 5 C are coulombs
    **dict.fromkeys(("degC", "celsius", "Celsius", "degCelsius"), _CELSIUS),
    **dict.fromkeys(("degF", "fahrenheit", "Fahrenheit", "degFahrenheit"), _FAHRENHEIT),
    **dict.fromkeys(("month", "months", "mo"), _MONTH),
    **dict.fromkeys(("year", "years", "yr", "yrs"), _YEAR),
}


@lru_cache(maxsize=4_096)
def measure(words: str) -> Measure | None:
    """The unit that words name: ``km/h``, ``square feet``, ``kg \\cdot m^2``. None where it is none that is known."""
    if not words.strip() or len(words) > MAX_CHARACTERS:
        return None
    for pattern, replacement in _SHAPES:
        words = pattern.sub(replacement, words)
    factors = list(_factors(words.strip()))
    if ("ms", -1) in factors or ("ms", -2) in factors:  # m s^{-1} in many textbooks
        return None
    found = [(_unit(name), power) for name, power in factors]
    if not found or any(unit is None for unit, _ in found):
        return None
    units = [(unit, power) for unit, power in found if unit is not None]
    if len(units) == 1 and units[0][1] == 1:
        return units[0][0]
    return None if any(unit.offset for unit, _ in units) else _product(units)


def _factors(text: str) -> Iterator[tuple[str, int]]:
    """Names and their powers; a name that is no name where the text is none of units."""
    at, sign = 0, 1
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            yield "", 1
            return
        at = token.end()
        if token["sign"]:
            sign = -1 if token["sign"] == "/" else 1
        else:
            yield token["name"], sign * int(token["power"] or 1)
            sign = 1


def _product(units: Sequence[tuple[Measure, int]]) -> Measure:
    scale, powers = Fraction(1), Counter[str]()
    for unit, power in units:
        scale *= unit.scale**power
        for name, inner in unit.dimension:
            powers[name] += inner * power
    return Measure(scale, Fraction(0), frozenset((name, power) for name, power in powers.items() if power))


@lru_cache(maxsize=4_096)
def _unit(name: str) -> Measure | None:
    if name in _OWN:
        return _OWN[name]
    spelled = _SPELLINGS.get(name.lower(), name)
    registry = _registry()
    for spelling in (spelled, spelled.lower()) if len(spelled) > 3 else (spelled,):
        for prefix, unit, _ in sorted(registry.parse_unit_name(spelling), key=lambda found: len(found[0])):
            if unit in _UNITS:
                return _of_pint(registry, prefix + unit)
    return None


def _of_pint(registry: Any, name: str) -> Measure:
    scale, _ = registry.get_base_units(name)
    dimension = registry.get_dimensionality({name: 1})
    return Measure(Fraction(scale), Fraction(0), frozenset((kind, int(power)) for kind, power in dimension.items()))


@lru_cache(maxsize=1)
def _registry() -> Any:
    import pint

    registry: Any = pint.UnitRegistry(non_int_type=Fraction)
    registry.define("dollar = [currency]")
    registry.define("cent = dollar / 100")
    return registry
