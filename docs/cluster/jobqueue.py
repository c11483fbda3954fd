"""A Dask cluster whose workers are jobs of a queue: python jobqueue.py slurm --jobs 4

Needs dask-jobqueue beside nnexp[dask]. Stays until Ctrl-C, which ends the jobs; until then a job that is lost, or has
reached its wall time, is submitted anew. `--script` prints the job's script and ends: have a look at it first. What a
site wants besides, such as a partition or an account, goes into Dask's own configuration
(~/.config/dask/jobqueue.yaml), as the documents of dask-jobqueue show.
"""

import argparse
import os
import re
import signal
import sys
import time

import dask
import dask_jobqueue
from dask_jobqueue.local import LocalCluster

KINDS = {
    "slurm": dask_jobqueue.SLURMCluster,
    "pbs": dask_jobqueue.PBSCluster,
    "lsf": dask_jobqueue.LSFCluster,
    "sge": dask_jobqueue.SGECluster,
    "local": LocalCluster,  # jobs are processes of this computer: to try it out
}
SETTINGS = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "15s"}  # what is cut off is noticed in 15 seconds, not in a minute


def wall_time(text):
    """Hours and minutes: `4` alone would be four minutes to a queue."""
    if not re.fullmatch(r"\d+:[0-5]\d", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not hours and minutes, such as 04:00")
    return text


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("kind", choices=KINDS)
parser.add_argument("--jobs", type=int, default=4, help="how many, each for one run at a time")
parser.add_argument("--cores", type=int, default=1, help="of each job; give the config as many `threads`")
parser.add_argument("--memory", default="4GB", help="of each job; 2 GB is the least that TensorFlow gets along with")
parser.add_argument("--walltime", type=wall_time, default="04:00", help="of each job, in hours and minutes")
parser.add_argument("--script", action="store_true", help="print the job's script, and end")
options = parser.parse_args()


def of_site(key, default):
    """What the site's jobqueue.yaml says: it is added to, not replaced."""
    return dask.config.get(f"jobqueue.{options.kind}.{key}", None) or default


dask.config.set({"distributed.comm.timeouts.tcp": "15s"})
os.environ |= SETTINGS
job = {
    "walltime": options.walltime + ("" if options.kind == "lsf" else ":00"),
    "job_script_prologue": [
        *of_site("job-script-prologue", []),
        *(f"export {name}={value}" for name, value in SETTINGS.items()),
    ],
}
cluster = KINDS[options.kind](
    cores=options.cores,
    processes=1,
    memory=options.memory,
    worker_extra_args=["--nthreads", "1", "--memory-limit", "0"],  # the queue sees to the memory
    scheduler_options={"dashboard_address": "127.0.0.1:0", **of_site("scheduler-options", {})},
    **({} if options.kind == "local" else job),
)
if options.script:
    print(cluster.job_script())
    sys.exit()
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.default_int_handler)  # Ctrl-C, or a terminal that is closed: no job is left behind
try:
    print(f"nnexp sweep … --scheduler {cluster.scheduler_address} --workers {options.jobs}", flush=True)
    while True:
        cluster.scale(jobs=options.jobs)
        time.sleep(30)
except KeyboardInterrupt:
    print("ending the jobs", flush=True)
    cluster.close()
