"""What holds for every test: processes that tests start can be interrupted."""

import signal

# A shell that starts a job in the background tells it to ignore Ctrl-C, and its children inherit that: a server
# started by a test would then never end when the test interrupts it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
