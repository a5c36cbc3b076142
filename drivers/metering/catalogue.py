"""The meter models that there are maps for: one TOML file each."""

from __future__ import annotations

import functools
from importlib import resources

from drivers.errors import MeterMapError
from drivers.metering.map import MeterMap, parse_map
from evse.config.read import nearest

_FILES = resources.files("drivers.metering").joinpath("meters")


def model_names() -> list[str]:
    """The models, as the configuration names them."""
    names = (entry.name for entry in _FILES.iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


@functools.cache
def load_map(model: str) -> MeterMap:
    """The shipped map of `model`. Raises MeterMapError for an unknown model."""
    names = model_names()
    if model not in names:
        raise MeterMapError(f"meter model {model!r} is not known{nearest(model, names)}")
    return parse_map(_FILES.joinpath(f"{model}.toml").read_text("utf-8"), f"{model}.toml")


def catalogue() -> dict[str, MeterMap]:
    """Every model's map, by the name that the configuration uses."""
    return {name: load_map(name) for name in model_names()}
