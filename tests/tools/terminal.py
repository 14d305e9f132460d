# SPDX-License-Identifier: Apache-2.0
"""Pseudo-terminals, as a program's output."""
import fcntl
import os
import struct
import termios


def opened(columns=80):
    """(our end, the one for the program), 24 lines high."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
    return ours, theirs


def pieces(ours):
    """What comes, until nobody has the other end any more."""
    try:
        while piece := os.read(ours, 65536):
            yield piece
    except OSError:    # EIO: the other end is closed
        pass
    os.close(ours)


def rest(ours):
    return b"".join(pieces(ours))
