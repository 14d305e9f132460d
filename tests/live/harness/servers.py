# SPDX-License-Identifier: Apache-2.0
"""Real servers on free loopback ports, each a process of its own with the pids that are to be traced."""
import contextlib
import fcntl
import glob
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

from .account import Exchange
from .raw import connected

LIVE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable


class Skip(Exception):
    """This test cannot run here; the text says why."""


def free_port(host="127.0.0.1"):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
        sock.bind((host, 0))
        return sock.getsockname()[1]


def port_of_another(port):
    """A port that by custom is another protocol's, to be told nothing by it; any other where that one is taken."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return free_port()
        return port


def need(tool):
    path = shutil.which(tool) or shutil.which(tool, path="/usr/sbin:/sbin:/usr/local/go/bin")
    if not path:
        raise Skip(f"no {tool} here")
    return path


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


class Server:
    """A server process. address is what a client connects to, pids what to trace."""

    prepared = None  # of the function with that name: its list
    process = None

    def __init__(self, argv, address, cwd=None):
        self.address, self.argv, self.cwd = address, argv, cwd
        if Server.prepared is not None:
            Server.prepared.append(self)
            return
        self.process = subprocess.Popen(argv, cwd=cwd, stdin=subprocess.DEVNULL, start_new_session=True)
        self.wait_ready()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def pids(self):
        return [self.process.pid]

    def wait_ready(self):
        deadline = time.monotonic() + (60 if os.environ.get("PX_IN_VM") else 20)
        while True:
            try:
                connected(self.address, 1).close()
                return
            except OSError:
                if self.process and not self.alive() or time.monotonic() > deadline:
                    raise RuntimeError(f"server did not start: {self.argv}") from None
                time.sleep(0.02)

    def alive(self):
        return self.process.poll() is None

    def stop(self, sig=signal.SIGTERM):
        if self.alive():
            self.process.send_signal(sig)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@contextlib.contextmanager
def prepared():
    """The list of the servers that are made inside: somebody else starts them, by argv and cwd, and ends them."""
    Server.prepared = servers = []
    try:
        yield servers
    finally:
        Server.prepared = None


class RawServer(Server):
    """servers/raw.py, which tells its own account."""

    def __init__(self, folder, address=None, calls="recvfrom", pem=None):
        self.path = os.path.join(folder, f"account-{time.monotonic_ns()}")
        address = address or ("127.0.0.1", free_port())
        text = address if isinstance(address, str) else f"{address[0]}:{address[1]}"
        open(self.path, "w").close()
        super().__init__([PYTHON, f"{LIVE}/servers/raw.py", text, self.path, calls, *([pem] if pem else [])],
                         address)

    def account(self):
        with open(self.path) as file:
            return [Exchange.from_json(json.loads(line)) for line in file]


NGINX = """
daemon off; worker_processes 1; user root; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 2048; }}
http {{
    default_type text/plain; keepalive_requests 100000000; keepalive_timeout 600; sendfile {sendfile};
    log_format px '$request_method $request_uri $status $request_length $bytes_sent $remote_port';
    access_log {folder}/access.log px buffer=256k;
    client_max_body_size 100m; large_client_header_buffers 8 128k; client_body_buffer_size 64k;
    client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
    upstream behind {{ server {upstream}; keepalive 4; keepalive_requests 1000000; }}
    server {{
        {secure} listen 127.0.0.1:{port}{ssl}; listen [::1]:{port}; listen unix:{folder}/nginx.sock; root {folder}/www;
        location = /204 {{ return 204; }}
        location /gzip/ {{ gzip on; gzip_types *; gzip_min_length 1; alias {folder}/www/; }}
        location /proxy/ {{
            proxy_pass http://behind/; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
            proxy_buffer_size 128k; proxy_buffers 8 128k; proxy_busy_buffers_size 256k;
            proxy_pass_request_headers on; proxy_request_buffering {buffering};
        }}
    }}
}}
"""


class Nginx(Server):
    """nginx with one worker: static files of the sizes in FILES, and a proxy below /proxy/ for the given upstream."""

    FILES = {"empty": 0, "small": 100, "page": 65536, "big": 50_000_000}

    def __init__(self, folder, upstream=("127.0.0.1", 9), sendfile="off", buffering="off", pem=None):
        self.folder = folder
        os.makedirs(f"{folder}/www", exist_ok=True)
        for name, size in self.FILES.items():
            with open(f"{folder}/www/{name}", "wb") as file:
                file.write(b"nginx static file\n" * (size // 18) + b"." * (size % 18))
        port = free_port()
        with open(f"{folder}/nginx.conf", "w") as file:
            file.write(NGINX.format(folder=folder, port=port, upstream=f"{upstream[0]}:{upstream[1]}",
                                    sendfile=sendfile, buffering=buffering, ssl=" ssl" if pem else "",
                                    secure=f"ssl_certificate {pem}; ssl_certificate_key {pem}; ssl_conf_command Options KTLS;" if pem else ""))
        self.socket_path = f"{folder}/nginx.sock"
        super().__init__([need("nginx"), "-p", folder, "-c", f"{folder}/nginx.conf"], ("127.0.0.1", port))

    def wait_ready(self):
        super().wait_ready()
        while self.process and not children_of(self.process.pid):  # it listens before it has a worker
            time.sleep(0.005)

    @property
    def pids(self):
        return [self.process.pid] + children_of(self.process.pid)

    def log_lines(self):
        """Lines of the access log, complete once nginx has been stopped."""
        with open(f"{self.folder}/access.log") as file:
            return file.readlines()


def python_server(_folder):
    port = free_port()
    return Server([PYTHON, f"{LIVE}/servers/handler.py", str(port)], ("127.0.0.1", port))


def unknown_server(_folder):
    port = free_port()
    return Server([PYTHON, f"{LIVE}/servers/unknown.py", str(port)], ("127.0.0.1", port))


def node_with_library():
    """The node of this host if it has OpenSSL built in (Debian's has not)."""
    path = need("node")
    shared = subprocess.run([path, "-p", "process.config.variables.node_shared_openssl"], capture_output=True, text=True, check=True)
    return None if shared.stdout == "true\n" else path


def node_server(_folder, *args):
    port = free_port()
    return Server([need("node"), f"{LIVE}/servers/server.js", str(port), *args], ("127.0.0.1", port))


def async_server(_folder, *args):
    port = free_port()
    return Server([PYTHON, f"{LIVE}/servers/asynchronous.py", str(port), *args], ("127.0.0.1", port))


def built_dir():
    """Where compiled helpers are kept between runs: the program's build folder, or a private temporary one."""
    path = os.environ.get("PX_LIVE_BUILD") or "/var/tmp/pxtrace-live"
    os.makedirs(path, mode=0o700, exist_ok=True)
    return path


@contextlib.contextmanager
def building():
    """One process at a time builds, or looks whether it has to."""
    with open(f"{built_dir()}/lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def newer(target, *sources):
    return os.path.exists(target) and all(os.path.getmtime(target) >= os.path.getmtime(path) for path in sources)


GO_VARIANTS = {  # how a program is built: whether by gcc, too, and with which arguments
    "plain": ("0", []),
    "stripped": ("0", ["-ldflags=-s -w"]),
    "pie": ("0", ["-buildmode=pie"]),
    "gcc": ("1", ["-ldflags=-linkmode=external"]),
    "gcc-pie-stripped": ("1", ["-buildmode=pie", "-ldflags=-linkmode=external -s -w"]),
}


def go_tools():
    """The go commands of this host by their version: the one that is called go, and the oldest of those that Debian has."""
    tools = {}
    for path in [need("go"), *sorted(glob.glob("/usr/lib/go-1.*/bin/go"))[:1]]:
        env = dict(os.environ, GOTOOLCHAIN="local")
        text = subprocess.run([path, "env", "GOVERSION"], env=env, capture_output=True, text=True, check=True).stdout
        tools.setdefault(text.split()[0], path)
    return tools


def go_binary(variant="plain", go=None):
    go = go or need("go")
    binary, source = f"{built_dir()}/go-server-{variant}{go.replace('/', '-')}", f"{LIVE}/servers/go/main.go"
    cgo, args = GO_VARIANTS[variant]
    env = dict(os.environ, CGO_ENABLED=cgo, GOFLAGS="-mod=mod", GOTOOLCHAIN="local", GOPROXY="off")
    env.setdefault("HOME", "/root")
    with building():
        if not newer(binary, source):
            subprocess.run([go, "build", *args, "-o", binary, "."], cwd=f"{LIVE}/servers/go", env=env, check=True)
    return binary


def go_program(name, *sources, **env):
    """A program of these files, of the standard library or of Debian's packages."""
    binary = f"{built_dir()}/{name}"
    env = dict(os.environ, GO111MODULE="off", CGO_ENABLED="0", GOTOOLCHAIN="local", GOFLAGS="", **env)
    env.setdefault("HOME", "/root")
    with building():
        if not newer(binary, *sources):
            subprocess.run([need("go"), "build", "-o", binary, *sources], env=env, check=True, timeout=300)
    return binary


def go_server(_folder, pem=None, **kwargs):
    port = free_port()
    return Server([go_binary(**kwargs), str(port), *([pem] if pem else [])], ("127.0.0.1", port))


def c_binary(name, source, *flags):
    binary = f"{built_dir()}/{name}"
    with building():
        if not newer(binary, source):
            subprocess.run(["cc", "-O2", "-Wall", "-o", binary, source, *flags], check=True)
    return binary


def library_flags(include, folder):
    return [f"-I{include}", f"-L{folder}", f"-Wl,-rpath,{folder}"]


BORINGSSL = library_flags("/usr/include/android", "/usr/lib/x86_64-linux-gnu/android")
OPENSSL_1_1 = [*library_flags("/opt/openssl-1.1/usr/include", "/opt/openssl-1.1/usr/lib/x86_64-linux-gnu"),
               "-I/opt/openssl-1.1/usr/include/x86_64-linux-gnu"]  # tests/setup
OPENSSL_KINDS = {"shared": [], "static": ["-static"], "1.1": OPENSSL_1_1, "1.1-static": ["-static", *OPENSSL_1_1], "boringssl": BORINGSSL,
                 "boringssl-static": library_flags("/opt/boringssl/include", "/opt/boringssl/lib")}  # tests/setup, too


def openssl_binary(kind="shared"):
    """clients/openssl.c with one of the libraries of this interface."""
    try:
        return c_binary(f"openssl-{kind}", f"{LIVE}/clients/openssl.c", *OPENSSL_KINDS[kind], "-lssl", "-lcrypto", "-pthread", "-ldl", "-w")
    except subprocess.CalledProcessError:
        raise Skip(f"no library of the kind {kind} here: see tests/setup") from None


def nss_binary():
    found = subprocess.run(["pkg-config", "--cflags", "--libs", "nss"], capture_output=True, text=True)
    if found.returncode:
        raise Skip("no libnss3-dev here")
    return c_binary("nss", f"{LIVE}/clients/nss.c", *found.stdout.split())


SECURE_FLAGS = {
    "openssl": ["-lssl", "-lcrypto"],
    "boringssl": [*BORINGSSL, "-lssl", "-lcrypto"],
    "wolfssl": ["-DUSE_WOLFSSL", "-lwolfssl"],
    "mbedtls": ["-DUSE_MBEDTLS", "-lmbedtls", "-lmbedx509", "-lmbedcrypto"],
}


def secure_server(pem, library, mode):
    """servers/secure.c, a server in C over one of these libraries."""
    port = free_port()
    try:
        binary = c_binary(f"secure-{library}", f"{LIVE}/servers/secure.c", *SECURE_FLAGS[library], "-pthread")
    except subprocess.CalledProcessError:
        raise Skip(f"no headers of {library} here") from None
    return Server([binary, str(port), pem, mode], ("127.0.0.1", port))


def blocked_server(_folder):
    port = free_port()
    return Server([c_binary("blocked", f"{LIVE}/servers/blocked.c", "-pthread"), str(port)], ("127.0.0.1", port))


def echo_id_binary():
    return c_binary("echo_id", f"{LIVE}/servers/echo_id.c", "-pthread")


def echo_id_server(_folder, kind="server"):
    port = free_port()
    return Server([echo_id_binary(), kind, str(port)], ("127.0.0.1", port))
