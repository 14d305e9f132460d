# SPDX-License-Identifier: Apache-2.0
"""Pseudo-terminals, as a program's output, and to talk with one."""
import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import time


def opened(columns=80, rows=24):
    """(our end, the one for the program)"""
    ours, theirs = os.openpty()
    resize(theirs, rows, columns)
    return ours, theirs


def resize(end, rows, columns):
    """Who has the terminal gets SIGWINCH."""
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))


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


class Dialogue:
    """A program on a terminal of its own that prompts; what it shows comes as text without escape sequences, and in raw."""

    LIMIT = 60

    def __init__(self, argv, prompt, rows=40, columns=120, **env):
        self.ours, theirs = opened(columns, rows)
        self.prompt, self.text, self.raw = prompt, "", b""
        env = {"PATH": os.environ["PATH"], "TERM": "xterm", "LANG": "C.UTF-8", "PAGER": "cat", **env}
        self.process = subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, env=env,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(theirs)

    def until(self, *wanted):
        """Read until these have come, one behind the other; what was shown."""
        deadline = time.monotonic() + self.LIMIT
        while True:
            at = 0
            for word in wanted:
                found = self.text.find(word, at)
                at = found + len(word) if at >= 0 and found >= 0 else -1
            if at >= 0:
                shown, self.text = self.text[:at], self.text[at:]
                return shown
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.ours], [], [], left)[0]:
                raise AssertionError(f"no {wanted} in {self.text!r}")
            try:
                piece = os.read(self.ours, 65536)
            except OSError:
                raise AssertionError(f"it ended before {wanted}: {self.text!r}") from None
            self.raw += piece
            self.text += re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]|\x07", "", piece.decode(errors="replace"))

    def begin(self):
        self.until(self.prompt)
        return self

    def type(self, text):
        os.write(self.ours, text.encode())

    def ask(self, line):
        """What a line gives, up to the next prompt."""
        self.type(line + "\n")
        self.until("\n")
        return self.until(self.prompt)[:-len(self.prompt)].replace("\r", "")

    def resize(self, rows, columns):
        resize(self.ours, rows, columns)

    def end(self):
        """Ctrl-D; the exit status."""
        self.type("\x04")
        rest(self.ours)
        return self.process.wait(self.LIMIT)
