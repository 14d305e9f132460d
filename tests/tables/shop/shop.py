# SPDX-License-Identifier: Apache-2.0
"""A shop with the faults that shops have. shop.py NAME PORT and, of the shop itself, the ports of PAY REDIS PGSQL DNS

As `pay` it takes money, sometimes only when asked again; as `shop` it answers with what it asks the others for.
"""
import http.client
import http.server
import json
import socket
import struct
import sys
import threading

NAME, PORT, *OTHERS = sys.argv[1:]
OTHERS = [int(port) for port in OTHERS]
LOCAL = "127.0.0.1"
charges = 0
mine = threading.local()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, code, body):
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        _, what, key, *_ = (self.path + "/").split("/")
        code, value = getattr(self, what, self.unknown)(key)
        self.answer(code, json.dumps(value).encode())

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def unknown(self, _):
        return 404, "there is no such page"

    # --- pay ---

    def charge(self, _):
        global charges
        charges += 1
        return (503, "busy") if charges % 3 else (200, "paid")

    # --- shop ---

    def product(self, key):
        found = redis("GET", f"product:{key}")
        if found is None:
            found = sql("SELECT name FROM products WHERE id = %s", key)
            redis("SET", f"product:{key}", str(found), "EX", "60")
        return 200, found

    def order(self, key):
        items = sql("SELECT product FROM items WHERE order_id = %s", key)
        return 200, [sql("SELECT name, price FROM products WHERE id = %s", product) for product, in items]

    def buy(self, key):
        sql("INSERT INTO orders (customer) VALUES (%s) RETURNING id", key)
        for _ in range(4):
            pay = http.client.HTTPConnection(LOCAL, OTHERS[0])
            pay.request("POST", f"/charge/{key}", body=b"{}")
            response = pay.getresponse()
            response.read()
            pay.close()
            if response.status == 200:
                return 200, "bought"
        return 502, "not paid"

    def report(self, _):
        sql("SELECT pg_sleep(0.03)")
        return 200, [row * 400 for row in sql("SELECT name, price FROM products")]

    def stock(self, key):
        return (200, "there") if resolves(f"{key}.example.test") else (502, "no such store")


def redis(*words):
    """A connection each time: one of the faults."""
    with socket.create_connection((LOCAL, OTHERS[1])) as conn:
        conn.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w.encode()) for w in words))
        line = conn.makefile("rb")
        head = line.readline()
        return None if head[:1] != b"$" or head == b"$-1\r\n" else line.read(int(head[1:])).decode()


def sql(text, *params):
    import psycopg2
    if not hasattr(mine, "db"):
        mine.db = psycopg2.connect(host=LOCAL, port=OTHERS[2], user="postgres", dbname="shop")
        mine.db.autocommit = True
    with mine.db.cursor() as cursor:
        cursor.execute(text, params)
        return [tuple(map(str, row)) for row in cursor.fetchall()]


def resolves(name):
    query = struct.pack(">6H", 7, 0x100, 1, 0, 0, 0) + b"".join(bytes([len(w)]) + w.encode() for w in name.split(".")) + b"\0\0\1\0\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.connect((LOCAL, OTHERS[3]))
        sock.send(query)
        return sock.recv(4096)[3] & 15 == 0


with open("/proc/self/comm", "w") as comm:
    comm.write(NAME)
server = http.server.ThreadingHTTPServer((LOCAL, int(PORT)), Handler)
server.daemon_threads = True
server.serve_forever()
