"""Tests of mine-video, by its folders.

Processes of pytest-xdist share the cores, so each computes in one thread, as workers of a walk do.
"""

import os

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1"}
