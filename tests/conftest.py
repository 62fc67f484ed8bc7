"""What all tests need of the process that they run in."""

import signal

# A shell that runs the tests in the background has them ignore SIGINT, and so would every child that is to be stopped
# by one: with a handler here, children begin with the usual one.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
