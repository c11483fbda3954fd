"""Runs on other computers: a worker's process there is minded there, and what it tells and writes comes here."""
