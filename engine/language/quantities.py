"""Moved to `engine.quantities`; goes away when nobody imports it from here."""

from engine.quantities import DURATIONS as DURATIONS
from engine.quantities import SIZES as SIZES
from engine.quantities import Duration as Duration
from engine.quantities import Share as Share
from engine.quantities import Size as Size
