"""Pick the steady faces of a person and an emotion out of movies."""

from importlib.metadata import version

__version__ = version("mine-video")
