"""Trackers that people have, told of runs: one file a tracker, behind one small protocol."""
