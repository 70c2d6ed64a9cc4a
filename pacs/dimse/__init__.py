"""The DIMSE door: association server, C-ECHO, C-STORE, C-FIND, C-MOVE, C-GET. PS3.4 annexes A to C, PS3.7, PS3.8.

It translates messages into the archive's verbs and back and holds no rule about patients, collections or storage.

    server    accepts connections            session       one association: negotiates, answers requests
    store     C-STORE                        find, rows    C-FIND and its answers
    retrieve  C-MOVE and C-GET               moving        a move's associations, each in a thread of its own
    suboperations  one C-STORE after the other, counted     blob    what is sent of a stored object
    messages  command sets and PDUs as bytes reception     PDVs to messages, data sets to disk
    link      an association of either role  stream     a TCP or TLS connection with time limits
    upper_layer, negotiation, tuning         pynetdicom's upper layer, and what we change of it

Why pynetdicom's upper layer under message code of our own (2026-11): its PDUs, state machine and negotiation are right
and well tested. Its association runs two threads that poll each millisecond, reads sockets in 4 KiB pieces and builds a
pydicom data set for every command; for images that costs more than storing them. So one thread per association blocks
in the kernel, P-DATA goes straight to a file in the spool, and command sets are packed with `struct`. Rejected:
patching its loops in place (six functions of three classes, and still two threads), and an upper layer of our own.
"""

from pacs.dimse.options import ScpOptions, options_from
from pacs.dimse.server import listen, run_scp

__all__ = ["ScpOptions", "listen", "options_from", "run_scp"]
