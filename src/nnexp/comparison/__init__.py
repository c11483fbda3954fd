"""Many runs held against each other: repeats as one group, differences with their intervals, verdicts in words."""
