"""Many runs: a sweep file to points, each run in a process of its own, here or on a cluster; searches."""
