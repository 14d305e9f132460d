# SPDX-License-Identifier: Apache-2.0
"""handed.py fork|pass|threads PORT: a server whose connections wander between processes or threads, an exchange here and one there.

An answer's body is the process id and thread id of who wrote it. Prints the ids of its processes, then serves.
  fork     a process takes one exchange and leaves the next one to its child, three generations; then itself again
  pass     every second and third exchange is another process's, which gets the descriptor over a UNIX socket
  threads  requests are read by one thread per connection and answered by any of four others
"""
import os
import queue
import socket
import sys
import threading


def request(sock):
    """Read one request without a body; False at the end."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        piece = sock.recv(4096)
        if not piece:
            return False
        head += piece
    return True


def answer(sock):
    body = f"{os.getpid()} {threading.get_native_id()}".encode()
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


def exchange(sock):
    there = request(sock)
    if there:
        answer(sock)
    return there


def by_fork(sock, depth=0):
    if not exchange(sock) or depth == 3:
        return
    pid = os.fork()
    if pid == 0:
        by_fork(sock, depth + 1)
        os._exit(0)
    os.waitpid(pid, 0)
    if depth == 0:
        while exchange(sock):
            pass


class Helper:
    """A process that takes one exchange of each connection it is handed."""

    def __init__(self):
        self.ours, theirs = socket.socketpair()
        self.pid = os.fork()
        if self.pid == 0:
            self.ours.close()
            while True:
                _, fds, _, _ = socket.recv_fds(theirs, 1, 1)
                if not fds:
                    os._exit(0)
                with socket.socket(fileno=fds[0]) as sock:
                    exchange(sock)
                theirs.send(b"d")
        theirs.close()

    def take(self, sock):
        socket.send_fds(self.ours, [b"f"], [sock.fileno()])
        self.ours.recv(1)


def by_pass(sock, helpers):
    while exchange(sock):
        for helper in helpers:
            helper.take(sock)


def by_threads(sock, work):
    done = threading.Event()
    while request(sock):
        done.clear()
        work.put((sock, done))
        done.wait()
    sock.close()


def pool():
    work = queue.Queue()

    def run():
        while True:
            sock, done = work.get()
            answer(sock)
            done.set()
    for _ in range(4):
        threading.Thread(target=run, daemon=True).start()
    return work


def main():
    mode, port = sys.argv[1], int(sys.argv[2])
    helpers = [Helper(), Helper()] if mode == "pass" else []
    work = pool() if mode == "threads" else None
    listener = socket.create_server(("127.0.0.1", port))
    print(os.getpid(), *(helper.pid for helper in helpers), flush=True)
    while True:
        sock, _ = listener.accept()
        if work:
            threading.Thread(target=by_threads, args=(sock, work), daemon=True).start()
            continue
        with sock:
            if mode == "fork":
                by_fork(sock)
            else:
                by_pass(sock, helpers)


main()
