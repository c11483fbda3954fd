"""What the fork server imports once, so that each worker begins with it: TensorFlow, and what the end of a run needs.

Imports only: no operation runs, so that a fork has one thread and may set its own number of TensorFlow's.
"""

from __future__ import annotations

import signal

# Ctrl-C, and often SIGTERM, reach the whole process group; the driver alone answers them. It started this process with
# both held back.
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM))

import nnexp.resume  # noqa: E402
import nnexp.training.session  # noqa: E402, F401
from nnexp import plots  # noqa: E402
from nnexp.training import backend  # noqa: E402

backend.load()
plots.warm_up()
