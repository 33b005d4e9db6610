"""Pick the steady faces of a person and an emotion out of movies."""

import os
from importlib.metadata import version

# Else ONNX Runtime reports to its makers, and keeps a number of this computer for that.
# Before it is imported anywhere, or it comes too late.
# Source: "Disabling Telemetry" in the file Privacy.md of the package onnxruntime.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = version("mine-video")
