"""Lets these tests import what lies in perf/peers/."""

import pathlib
import sys

PERF = pathlib.Path(__file__).resolve().parents[2] / "perf"
sys.path.insert(0, str(PERF / "peers"))
