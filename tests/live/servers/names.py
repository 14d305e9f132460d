# SPDX-License-Identifier: Apache-2.0
"""names.py PORT: a name server on 127.0.0.1 that does what the first label of a name says.

late-MS      answers after so many milliseconds       never       does not answer
second       answers only what is asked again         twice       answers two times
forged       first an answer to another question, then the right one
head         answers with the header alone            all else    one address
"""
import socket
import struct
import sys
import threading
import time


def answer(query, rcode=0, address=b"\xc0\x00\x02\x01"):
    end = query.index(b"\0", 12) + 5
    is_a = query[end - 4:end] == b"\0\1\0\1" and rcode == 0
    record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + address if is_a else b""
    return query[:2] + struct.pack(">HHHHH", 0x8180 | rcode, 1, is_a, 0, 0) + query[12:end] + record


def serve(sock, query, peer, seen):
    word = query[13:13 + query[12]].decode()
    again = (query, peer) in seen
    seen.add((query, peer))
    if word.startswith("late-"):
        time.sleep(int(word[5:]) / 1000)
    if word == "never" or (word == "second" and not again):
        return
    if word == "forged":
        other = query[:13] + b"FORGER" + query[19:]
        sock.sendto(answer(other), peer)
    if word == "head":
        sock.sendto(query[:2] + b"\x81\x81" + b"\0" * 8, peer)
        return
    reply = answer(query, 3 if word == "nosuch" else 0)
    sock.sendto(reply, peer)
    if word == "twice":
        sock.sendto(reply, peer)


def main():
    seen = set()
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", int(sys.argv[1])))
    while True:
        query, peer = sock.recvfrom(4096)
        threading.Thread(target=serve, args=(sock, query, peer, seen), daemon=True).start()


main()
