"""Datasets: what they are, where they come from, how they are checked, scaled and split; and the own data of users."""
