"""A trained model at work: what it takes, the stored model itself, raw input from files, and its predictions."""
