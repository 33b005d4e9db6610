"""Find the moments when a person shows an emotion in movies, and crop the faces."""

import os
from importlib.metadata import version

# ONNX Runtime sends usage data to its makers, with an identifier of this computer, unless this is
# set. It must be set before anything imports onnxruntime.
# Source: "Disabling Telemetry" in the file Privacy.md of the package onnxruntime.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = version("mine-video")
