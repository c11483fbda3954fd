"""Whether this computer is ready for nnexp: each thing looked at, what is wrong with it, and what mends it."""
