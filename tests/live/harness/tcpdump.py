# SPDX-License-Identifier: Apache-2.0
"""tcpdump beside the tracer: a file that holds every packet of a port, and none of what came after."""
import os
import signal
import socket
import subprocess
import time

from .servers import need


class Tcpdump:
    """tcpdump on the loopback interface, of one port, into a file.

    That the last packet has been written is shown by a datagram of our own behind it, which then is cut off: what the kernel still
    keeps back when tcpdump ends would be lost. It keeps up to a second of them back unless each is handed over as it comes
    (--immediate-mode); but then the room is for a thousand packets, whatever their size, which is too few for a load.
    """

    HEAD = 16 + 14 + 20 + 8  # of a record in the file, Ethernet, IPv4, UDP

    def __init__(self, port, path, under_load=False):
        self.path = path
        self.end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.end.bind(("127.0.0.1", 0))
        self.process = subprocess.Popen(
            [need("tcpdump"), "-i", "lo", "-U", *([] if under_load else ["--immediate-mode"]), "-s", "0", "-B", "65536", "-w", path,
             f"port {port} or udp port {self.end.getsockname()[1]}"], stderr=subprocess.PIPE, text=True, start_new_session=True)
        while "listening on" not in self.process.stderr.readline():
            if self.process.poll() is not None:
                raise AssertionError("tcpdump did not start")

    def stop(self):
        """The file is whole up to this moment."""
        mark = b"end of the capture " + os.urandom(16)
        self.end.sendto(mark, self.end.getsockname())
        deadline = time.monotonic() + 60
        while (at := self._find(mark)) < 0:
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError("tcpdump did not write what it was sent")
            time.sleep(0.02)
        self.process.send_signal(signal.SIGINT)
        said = self.process.communicate(timeout=60)[1]
        self.end.close()
        if "\n0 packets dropped by kernel" not in "\n" + said:
            raise AssertionError(f"the capture is not whole: {said}")
        os.truncate(self.path, at - self.HEAD)

    def _find(self, mark):
        with open(self.path, "rb") as file:
            file.seek(max(0, os.path.getsize(self.path) - (1 << 20)))
            at = file.tell()
            found = file.read().find(mark)
        return found if found < 0 else at + found

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
