# SPDX-License-Identifier: Apache-2.0
"""Client programs that are traced: each waits until it may begin, so the tracer is there before its first call."""
import subprocess

from .servers import LIVE, PYTHON, need


class Client:
    """A program that begins with go(). Its pid is known, and stays the same, from the start."""

    has_begun = False

    def __init__(self, argv, stdin="", keep=False):
        self.stdin = stdin
        # The shell waits for a line, then becomes the program; what follows that line is the program's own input.
        self.process = subprocess.Popen(["/bin/sh", "-c", 'read line; exec "$@"', "sh", *argv], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE if keep else subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)

    @property
    def pid(self):
        return self.process.pid

    def begin(self, text=""):
        """Let it begin alone, with this input for now; what it does with no more is up to it."""
        self.process.stdin.write(f"go\n{text}".encode())
        self.process.stdin.flush()
        self.has_begun = True

    def go(self, timeout=120):
        """Let it begin, give it its input, wait for its end; with keep, returns what it printed."""
        text = self.stdin if self.has_begun else "go\n" + self.stdin
        out, err = self.process.communicate(text.encode(), timeout)
        if self.process.returncode:
            raise RuntimeError(f"{self.process.args}: {self.process.returncode}: {err.decode()[-500:]}")
        return out

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def curl(*args):
    return Client([need("curl"), "-sS", "--no-progress-meter", *args])


def script(path, host, port, asks, *args):
    """clients/client.py or another one like it; asks are (method, url, body size); args go behind the address."""
    runner = PYTHON if path.endswith(".py") else need("node")
    return Client([runner, f"{LIVE}/clients/{path}", host, str(port), *args], "begin\n" + lines(asks))


def lines(asks):
    """What such a client reads."""
    return "".join(f"{op} {url} {size}\n" for op, url, size in asks)


def wrk(*args):
    return Client([need("wrk"), *args])
