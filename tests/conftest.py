"""For all tests: a started process can be interrupted, also where the tests themselves run in the background.

A shell without job control starts background jobs with SIGINT ignored, and what is ignored stays so in every child.
"""

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
