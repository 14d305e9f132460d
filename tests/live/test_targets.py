# SPDX-License-Identifier: Apache-2.0
"""Who is traced: each way to name a target, with processes that start later and others that have to stay invisible."""
import json
import os
import re
import shutil
import signal
import subprocess
import time

from harness.raw import Client
from harness.registry import live
from harness.servers import PYTHON, Nginx, Skip, free_port, need
from harness.tracer import IN_VM, SLOW, Failed, Tracer, binary

ALONE = True

IN_GROUP = 'echo $$ >"$1/cgroup.procs"; shift; exec "$@"'


def asker(t, name):
    """A program that makes a request, under a name of its own."""
    path = os.path.join(t.folder, name)
    shutil.copy(need("curl"), path)
    os.chmod(t.folder, 0o755)
    return path


def url(server, target):
    return f"http://{server.address[0]}:{server.address[1]}{target}"


def run(argv, **more):
    """A process in a session of its own, until it ends."""
    return subprocess.run([*map(str, argv)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          start_new_session=True, timeout=30 * SLOW, check=False, **more)


def ask(program, server, target, **more):
    done = run([program, "-s", "-o", "/dev/null", url(server, target)], **more)
    if done.returncode:
        raise Failed(f"{program} {target}: status {done.returncode} {done.stderr}")


def waiting(t, script, *args):
    """A shell script that runs in the background; the answer lets it come past its next `read`."""
    process = subprocess.Popen(["/bin/sh", "-c", script, "sh", *map(str, args)], stdin=subprocess.PIPE, start_new_session=True)
    t.stops.append(process.kill)

    def go_on():
        process.stdin.write(b"\n")
        process.stdin.flush()
    return process, go_on


def seen(tracer):
    return sorted(rec["target"] for rec in tracer.messages())


def expect_targets(t, tracer, *targets):
    t.expect(seen(tracer) == sorted(targets), f"seen are {seen(tracer)}, not {sorted(targets)}")


FAMILY = """
sh -c 'read x <"$1"; "$2" -s -o /dev/null "$3/elder"' sh "$1" "$2" "$3" &
read x
"$2" -s -o /dev/null "$3/child"
(sh -c '"$2" -s -o /dev/null "$3/grandchild"; true' sh "$@")
echo >"$1"
wait
"""


def family(t, server):
    fifo = os.path.join(t.folder, "fifo")
    if not os.path.exists(fifo):
        os.mkfifo(fifo)
    process, go_on = waiting(t, FAMILY, fifo, asker(t, "relative"), url(server, ""))
    time.sleep(0.2 * SLOW)
    return process, go_on


@live()
def follow(t):
    """-f: children that were there, later ones and their children; the run ends with the last of them"""
    server = t.start(Nginx(t.folder))
    process, go_on = family(t, server)
    tracer = t.trace([process.pid], "-f").wait_live()
    ask(asker(t, "stranger"), server, "/stranger")
    go_on()
    try:
        tracer.process.wait(10 * SLOW)
    except subprocess.TimeoutExpired:
        raise Failed("still there after the last of its targets") from None
    tracer.stop()
    expect_targets(t, tracer, "/elder", "/child", "/grandchild")
    t.expect(tracer.read()[-1]["reason"] == "target exited", f"{tracer.read()[-1]}")
    t.expect(all(rec["comm"] == "relative" and rec["role"] == "client" for rec in tracer.messages()), f"{tracer.messages()}")


@live()
def exec_and_exit(t):
    """-f -v: programs that processes of the family run, and how they end; in the text as lines among the others"""
    script = 'exec 2>/dev/null; read line; /bin/true; /bin/false; sh -c "sleep 0.05; kill -9 \\$\\$"; exit 5'
    want = [("exec", "/bin/true", None), ("exit", "exit status 0", 0), ("exec", "/bin/false", None), ("exit", "exit status 1", 0),
            ("exec", shutil.which("sh"), None), ("exec", shutil.which("sleep"), None), ("exit", "exit status 0", 50), ("exit", "killed by SIGKILL", 50),
            ("exit", "exit status 5", 50)]
    for is_json in (True, False):
        process, go_on = waiting(t, script)
        tracer = t.trace([process.pid], "-f", "-v", json_lines=is_json).wait_live()
        go_on()
        process.wait(10 * SLOW)
        tracer.process.wait(10 * SLOW)
        tracer.stop()
        if is_json:
            seen_ = [(r["what"], r["text"], r.get("duration_ns"), r) for r in tracer.read() if r["type"] == "note" and "pid" in r]
            t.expect([s[:2] for s in seen_] == [w[:2] for w in want], f"{seen_}")
            t.expect(all(s[2] is w[2] if w[2] is None else s[2] >= w[2] * 1e6 for s, w in zip(seen_, want)), f"{seen_}")
            t.expect(seen_[0][3]["comm"] == "true" and seen_[-1][3]["pid"] == process.pid, f"{seen_}")
        else:
            tracer.file.seek(0)
            lines = tracer.file.read().decode().splitlines()
            t.expect(len(lines) == len(want), f"{lines}")
            for line, (what, text, ms) in zip(lines, want):
                t.expect(re.fullmatch(rf"\S+ \S+\[\d+\] - - - proc {what} {'-' if ms is None else '[0-9]+[.][0-9]+ms'} - {text}", line), line)


@live()
def no_follow(t):
    """Without -f: none of the children"""
    server = t.start(Nginx(t.folder))
    process, go_on = family(t, server)
    tracer = t.trace([process.pid]).wait_live()
    go_on()
    tracer.process.wait(10 * SLOW)
    tracer.stop()
    expect_targets(t, tracer)


@live()
def comm(t):
    """--comm: who is there, who comes later by that name, who takes it; patterns; not who gives it up"""
    server = t.start(Nginx(t.folder))
    script = ("import os, sys, urllib.request as u\n"
              "for name, target in (('px-one', '/renamed'), ('other', '/left')):\n"
              "    sys.stdin.readline(); open('/proc/self/comm', 'w').write(name); u.urlopen(sys.argv[1] + target).read()\n"
              "    print(flush=True)\n")
    renamer = subprocess.Popen([PYTHON, "-c", script, url(server, "/204?")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               start_new_session=True)
    t.stops.append(renamer.kill)
    with t.trace(None, "--comm", "px-o*", "--comm", "px-[ab]?ng") as tracer:
        ask(asker(t, "px-one"), server, "/one")
        ask(asker(t, "px-bang"), server, "/bang")
        ask(asker(t, "px-cang"), server, "/cang")
        ask(asker(t, "a-px-one"), server, "/before")
        for _ in range(2):
            renamer.stdin.write(b"\n")
            renamer.stdin.flush()
            renamer.stdout.readline()
    expect_targets(t, tracer, "/one", "/bang", "/204")
    t.expect({rec["comm"] for rec in tracer.messages()} == {"px-one", "px-bang"}, f"{tracer.messages()}")
    with t.trace(None, "--comm", "nginx") as tracer:
        ask(asker(t, "px-one"), server, "/there")
    expect_targets(t, tracer, "/there")
    t.expect(tracer.messages()[0]["role"] == "server", f"{tracer.messages()}")


@live()
def comm_follow(t):
    """--comm -f: their children under whatever name"""
    server = t.start(Nginx(t.folder))
    shell = os.path.join(t.folder, "px-shell")
    shutil.copy(os.path.realpath("/bin/sh"), shell)
    script = f'"{asker(t, "px-child")}" -s -o /dev/null "$0"; true'
    with t.trace(None, "--comm", "px-shell", "-f") as tracer:
        run([shell, "-c", script, url(server, "/followed")])
        run(["/bin/sh", "-c", script, url(server, "/not")])
    expect_targets(t, tracer, "/followed")
    with t.trace(None, "--comm", "px-shell") as tracer:
        run([shell, "-c", script, url(server, "/not")])
    expect_targets(t, tracer)


@live()
def exe(t):
    """--exe: by the file, whatever it is called; who is there and who comes later"""
    server = t.start(Nginx(t.folder))
    program = asker(t, "program")
    link, copy = os.path.join(t.folder, "link"), asker(t, "copy")
    os.link(program, link)
    with t.trace(None, "--exe", program) as tracer:
        ask(program, server, "/program")
        ask(link, server, "/link")
        ask(copy, server, "/copy")
    expect_targets(t, tracer, "/program", "/link")
    with t.trace(None, "--exe", f"/proc/{server.process.pid}/exe") as tracer:
        ask(copy, server, "/there")
    expect_targets(t, tracer, "/there")
    with t.trace(None, "--exe", program, "--comm", "lin*") as tracer:
        ask(program, server, "/program")
        ask(link, server, "/link")
    expect_targets(t, tracer, "/link")


@live()
def uid(t):
    """--uid: a number, a name, and a process that changes its user on the way"""
    server = t.start(Nginx(t.folder))
    curl, setpriv = asker(t, "program"), [need("setpriv"), "--clear-groups", "--reuid"]
    script = ("import os, sys, urllib.request as u\n"
              "u.urlopen(sys.argv[1] + '/204?root').read(); os.setuid(61234); u.urlopen(sys.argv[1] + '/empty').read()\n")
    with t.trace(None, "--uid", "61234") as tracer:
        run([*setpriv, "61234", curl, "-s", "-o", "/dev/null", url(server, "/number")])
        run([*setpriv, "61235", curl, "-s", "-o", "/dev/null", url(server, "/other")])
        ask(curl, server, "/root")
        run([PYTHON, "-c", script, url(server, "")])
    expect_targets(t, tracer, "/number", "/empty")
    t.expect({rec["uid"] for rec in tracer.messages()} == {61234}, f"{tracer.messages()}")
    with t.trace(None, "--uid", "nobody", "--comm", "program") as tracer:
        run([*setpriv, "nobody", curl, "-s", "-o", "/dev/null", url(server, "/name")])
        run([*setpriv, "nobody", asker(t, "another"), "-s", "-o", "/dev/null", url(server, "/another")])
        ask(curl, server, "/root")
    expect_targets(t, tracer, "/name")


@live()
def all_but_own_group(t):
    """-a: everybody, but not the own process group, as in `pxtrace -a | tee log`"""
    server = t.start(Nginx(t.folder))
    log, curl = os.path.join(t.folder, "log"), asker(t, "program")
    script = ('"$1" -aj --probe="$2" 2>"$4.err" | tee "$4" >/dev/null & '
              'until grep -q tracing "$4.err"; do sleep 0.05; done; "$3" -s -o /dev/null "$5/own"; read x; '
              'kill -INT $(pgrep -g 0 -x pxtrace); wait')
    process, go_on = waiting(t, script, binary(), t.probe, curl, log, url(server, ""))
    deadline = time.monotonic() + 10 * SLOW
    while not os.path.exists(log) or "/own" not in open(log).read():
        t.expect(time.monotonic() < deadline, "the server's side of the own group's request was not seen")
        time.sleep(0.1)
    ask(curl, server, "/other")
    time.sleep(0.3 * SLOW)
    go_on()
    process.wait(10 * SLOW)
    with open(log) as file:
        records = [json.loads(line) for line in file]
    port = server.address[1]
    sides = sorted((rec["target"], rec["role"]) for rec in records if rec["type"] == "message"
                   and port in (rec["local_port"], rec["remote_port"]))
    t.expect(sides == [("/other", "client"), ("/other", "server"), ("/own", "server")], f"{sides}")


def group_root(kind):
    """Where control groups of this kind ("cgroup2", "cgroup") are mounted."""
    with open("/proc/self/mounts") as file:
        for line in file:
            _, path, have, *_ = line.split()
            if have == kind and os.access(path, os.W_OK):
                return path
    raise Skip(f"no {kind} here")


def group(t, root, *names):
    """A new control group; it goes when the test is over, its processes back to the root."""
    path = root
    for name in names:
        path = os.path.join(path, name)
        os.mkdir(path)

        def remove(path=path):
            for _ in range(50):
                try:
                    os.rmdir(path)
                    return
                except OSError:
                    with open(f"{path}/cgroup.procs") as file:
                        for pid in file.read().split():
                            os.kill(int(pid), signal.SIGKILL)
                    time.sleep(0.05)
        t.stops.append(remove)
    return path


@live(vm=True)
def cgroup(t):
    """--cgroup by path, full path and number: who is in it and below it, whenever he gets there"""
    server, curl = t.start(Nginx(t.folder)), asker(t, "program")
    root, name = group_root("cgroup2"), f"px-test-{os.getpid()}"
    below = group(t, root, name, "below")
    path, beside = os.path.dirname(below), group(t, root, name + "x")

    def in_group(where, target):
        run(["/bin/sh", "-c", IN_GROUP, "sh", where, curl, "-s", "-o", "/dev/null", url(server, target)])
    process, go_on = waiting(t, IN_GROUP, below, "/bin/sh", "-c", 'read x; "$1" -s -o /dev/null "$2"', "sh", curl,
                             url(server, "/there"))
    for form in (name,) if IN_VM else (name, path, str(os.stat(path).st_ino)):
        with t.trace(None, "--cgroup", form) as tracer:
            in_group(path, "/in")
            in_group(below, "/below")
            in_group(beside, "/beside")
            ask(curl, server, "/outside")
            if form == name:
                go_on()
                process.wait(10 * SLOW)
        expect_targets(t, tracer, "/in", "/below", *(["/there"] if form == name else []))


@live(probes=False)
def unit_restarts(t):
    """--unit: a service that is restarted has a new group of the old name"""
    server, curl = t.start(Nginx(t.folder)), asker(t, "program")
    root, name = group_root("cgroup2"), f"px-test-{os.getpid()}.service"
    path = group(t, root, name)
    with Tracer(None, "--unit", name) as tracer:
        os.rmdir(path)
        time.sleep(1.5)
        os.mkdir(path)
        time.sleep(2.5)
        run(["/bin/sh", "-c", IN_GROUP, "sh", path, curl, "-s", "-o", "/dev/null", url(server, "/again")])
        ask(curl, server, "/outside")
    expect_targets(t, tracer, "/again")


@live()
def cgroup_version_1(t):
    """--cgroup of version 1: who is in it and his children, and a word about it"""
    server, curl = t.start(Nginx(t.folder)), asker(t, "program")
    name = f"px-test-{os.getpid()}"
    path = group(t, group_root("cgroup"), name)
    process, go_on = waiting(t, IN_GROUP, path, "/bin/sh", "-c", 'read x; "$1" -s -o /dev/null "$2"; true', "sh", curl,
                             url(server, "/there"))
    time.sleep(0.2 * SLOW)
    with t.trace(None, "--cgroup", path) as tracer:
        ask(curl, server, "/outside")
        go_on()
        process.wait(10 * SLOW)
    expect_targets(t, tracer, "/there")
    t.expect(any("version 1" in line for line in tracer.errors), f"{tracer.errors}")


@live()
def unit_and_container(t):
    """--unit and --container: by the names that systemd, docker, podman and containerd give to groups; docker's own name"""
    server, curl = t.start(Nginx(t.folder)), asker(t, "program")
    ident = f"{os.getpid():08x}" + "ab" * 28
    root = group_root("cgroup2")
    unit = f"px-test-{os.getpid()}"
    cases = [("--unit", unit, f"{unit}.service"), ("--unit", f"{unit}.scope", f"{unit}.scope"),
             ("--container", ident[:12], f"docker-{ident}.scope"), ("--container", ident, f"libpod-{ident}.scope"),
             ("--container", ident[:10], f"cri-containerd-{ident}.scope")]
    for option, value, name in cases:
        path = group(t, root, name)
        with t.trace(None, option, value) as tracer:
            run(["/bin/sh", "-c", IN_GROUP, "sh", path, curl, "-s", "-o", "/dev/null", url(server, "/in")])
            ask(curl, server, "/outside")
        expect_targets(t, tracer, "/in")
        t.stops.pop()()
    path = group(t, root, f"docker-{ident}.scope")
    script = ('mount -t tmpfs none /var/lib && mkdir -p "/var/lib/docker/containers/$1" && '
              'echo \'{"Config":{"Name":"no"},"ID":"x","Name":"/web-1"}\' >"/var/lib/docker/containers/$1/config.v2.json" && '
              'shift && exec "$@"')
    argv = [need("unshare"), "-m", "--propagation", "private", "/bin/sh", "-c", script, "sh", ident, binary(), "-j",
            f"--probe={t.probe}", "--container", "web-1", "-c", "1"]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    t.stops.append(process.kill)
    banner = process.stderr.readline()
    t.expect("container web-1" in banner, banner)
    ask(curl, server, "/outside")
    run(["/bin/sh", "-c", IN_GROUP, "sh", path, curl, "-s", "-o", "/dev/null", url(server, "/in")])
    out = process.communicate(timeout=20 * SLOW)[0]
    t.expect([rec["target"] for rec in map(json.loads, out.splitlines()) if rec["type"] == "message"] == ["/in"], out)


@live()
def whose(t):
    """Records and --map say which program, control group, unit and container a process is of, and again when it has moved"""
    server = t.start(Nginx(t.folder))
    root, ident = group_root("cgroup2"), f"{os.getpid():08x}" + "ab" * 28
    unit, container = f"px-test-{os.getpid()}.service", f"docker-{ident}.scope"

    def move(name, *below):
        path = group(t, root, name, *below)
        for pid in server.pids:
            with open(f"{path}/cgroup.procs", "w") as file:
                file.write(str(pid))
        return path[len(root):]
    first = move(unit, "below")
    talk = os.path.join(t.folder, "talk.dot")
    with t.trace(server.pids[:1], "-f", "--map", talk) as tracer, Client(server.address, t.account) as client:
        client.ask("GET", "/small?unit")
        second, begin = move(container), time.monotonic()
        while time.monotonic() - begin < 1.5 * SLOW:
            client.ask("GET", "/small?moving")
            time.sleep(0.1)
        client.ask("GET", "/small?container")
    told = [[rec.get(key) for key in ("exe", "cgroup", "unit", "container")] for rec in tracer.messages()]
    program = os.path.realpath(need("nginx"))
    t.expect(told[0] == [program, first, unit, None], f"{told[0]}")
    t.expect(told[-1] == [program, second, None, ident], f"{told[-1]}")
    with open(talk) as file:
        drawn = file.read()
    t.expect(f'"{unit}"' in drawn and '"nginx"' in drawn, drawn)


@live()
def ends(t):
    """--port, --host and --role: only these connections of a process that has others too"""
    behind = t.start(Nginx(os.path.join(t.folder, "behind")))
    server = t.start(Nginx(t.folder, upstream=behind.address))
    port, upstream = server.address[1], behind.address[1]
    four, six, path = ("127.0.0.1", port), ("::1", port), server.socket_path

    def traced(*args):
        account = []
        with t.trace(server.pids, *args) as tracer:
            for address, target in ((four, "/empty?4"), (six, "/empty?6"), (path, "/empty?u"), (four, "/proxy/small")):
                with Client(address, account) as client:
                    client.ask("GET", target)
                    if target.startswith("/proxy"):  # on a connection older than the tracer one pair alone is none at the end
                        client.ask("GET", target)
        return sorted((rec["role"], rec["target"], rec["req"].get("query") or "") for rec in tracer.messages())
    by4, by6, by_unix = (("server", "/empty", kind) for kind in "46u")
    proxied, up = 2 * [("server", "/proxy/small", "")], 2 * [("client", "/small", "")]
    cases = [((), [by4, by6, by_unix, *proxied, *up]),
             (("--port", str(port)), [by4, by6, *proxied]),
             (("--port", f"1,{upstream}"), up),
             (("--host", "::1"), [by6]),
             (("--host", "127.0.0.0/8"), [by4, *proxied, *up]),
             (("--host", "127.0.0.2", "--host", "::/64"), [by6]),
             (("--role", "client"), up),
             (("--role", "server"), [by4, by6, by_unix, *proxied]),
             (("--role", "server", "--host", "127.0.0.1", "--port", str(port)), [by4, *proxied])]
    for args, expected in cases:
        found = traced(*args)
        t.expect(found == sorted(expected), f"{args}: {found}, not {sorted(expected)}")


def command(t, *argv, options=(), **more):
    return run([binary(), f"--probe={t.probe}", *options, "--", *argv], **more)


@live()
def command_mode(t):
    """-- COMMAND: its first request, those of its children, on stderr; its output and its exit status as they are"""
    server, curl = t.start(Nginx(t.folder)), asker(t, "program")
    for i in range(3):
        done = command(t, curl, "-s", url(server, f"/small?{i}"))
        t.expect(done.returncode == 0 and len(done.stdout) == 100, f"{done}")
        t.expect(done.stderr.count(f" http 200 ") == 1 and f"/small?{i}" in done.stderr, f"{done.stderr}")
    script = '("$1" -s "$2/first" >/dev/null; sleep 0.3; "$1" -s "$2/last" >/dev/null) & exit 7'
    log = os.path.join(t.folder, "log")
    done = command(t, "/bin/sh", "-c", script, "sh", curl, url(server, ""), options=["-jo", log])
    with open(log) as file:
        records = list(map(json.loads, file))
    found = [rec.get("target") for rec in records]
    # who has ended when its record is made may have none
    t.expect({rec.get("exe") for rec in records if rec["type"] == "message"} <= {os.path.realpath(curl), None}, f"{records}")
    t.expect(done.returncode == 7 and found == [None, "/first", "/last", None], f"{done} {found}")
    done = command(t, "/bin/sh", "-c", '"$1" -s "$2/child" >/dev/null; exec "$1" -s "$2/small"', "sh", curl, url(server, ""),
                   options=["--no-follow"])
    t.expect("/small" in done.stderr and "/child" not in done.stderr, f"{done.stderr}")
    done = command(t, curl, "-s", url(server, "/small"), options=["-jo", log])
    with open(log) as file:
        programs = {rec.get("exe") for rec in map(json.loads, file) if rec["type"] == "message"}
    t.expect(programs and programs <= {os.path.realpath(curl), None}, f"{programs}")


@live(probes=False)
def command_status(t):
    """-- COMMAND: not found 127, not executable 126, killed by a signal: the same"""
    t.probe = "auto"
    cases = [(("/bin/sh", "-c", "exit 42"), 42), (("px-no-such-command",), 127), (("/etc/passwd",), 126),
             (("/bin/sh", "-c", "kill -KILL $$"), -signal.SIGKILL), (("/bin/sh", "-c", "kill -SEGV $$"), -signal.SIGSEGV)]
    for argv, status in cases:
        done = command(t, *argv)
        t.expect(done.returncode == status, f"{argv}: status {done.returncode}, not {status}: {done.stderr}")
    done = command(t, "/bin/sh", "-c", "id -u; id -G; echo $HOME", options=["-q", "-u", "nobody"])
    t.expect(done.stdout.split()[0] == "65534" and "\n0" not in done.stdout and "/root" not in done.stdout, f"{done}")
    done = command(t, "/bin/sh", "-c", "id -u", options=["-q"], env=dict(os.environ, SUDO_UID="65534", SUDO_GID="65534"))
    t.expect(done.stdout == "65534\n", f"{done}")
    done = command(t, "true", options=["-u", "px-no-such-user"])
    t.expect(done.returncode == 5, f"{done}")


@live(probes=False)
def command_signals(t):
    """-- COMMAND: a signal for pxtrace goes to the command, also where that is another user's; Ctrl-C is left to it"""
    for sig, options in ((signal.SIGTERM, []), (signal.SIGINT, []), (signal.SIGHUP, ["-u", "nobody"])):
        process = subprocess.Popen([binary(), *options, "--", "/bin/sh", "-c", 'echo go; exec sleep 30'],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        t.stops.append(process.kill)
        process.stdout.readline()
        process.send_signal(sig)
        t.expect(process.wait(10 * SLOW) == -sig, f"{sig}: status {process.returncode} {process.stderr.read()}")
    script = ('import os, pty, sys, time\n'
              'pid, fd = pty.fork()\n'
              'if pid == 0:\n'
              '    os.execv(sys.argv[1], [sys.argv[1], "-q", "--", "sh", "-c", "trap \\"exit 9\\" INT; echo go; while :; do sleep 0.1; done"])\n'
              'text = b""\n'
              'while b"go" not in text: text += os.read(fd, 100)\n'
              'os.write(fd, b"\\x03"); print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n')
    done = run([PYTHON, "-c", script, binary()])
    t.expect(done.stdout == "9\n", f"{done}")


@live()
def pid_namespace(t):
    """In a pid namespace of its own: the numbers that the user sees, and nobody from outside"""
    server, curl = t.start(Nginx(t.folder)), asker(t, "program")
    log, port = os.path.join(t.folder, "log"), free_port()
    script = ('"$1" -m http.server --bind 127.0.0.1 "$2" >/dev/null 2>&1 & s=$!; '
              'until "$4" -s -o /dev/null "http://127.0.0.1:$2/ready"; do sleep 0.1; done; '
              'for target in "-p $s" "-fp $s" "--comm program" -a; do '
              ': >"$5.err"; setsid "$3" -j --probe="$6" -o "$5" $target 2>"$5.err" & p=$!; '
              'until grep -q tracing "$5.err"; do sleep 0.05; done; '
              'setsid -w "$4" -s -o /dev/null "http://127.0.0.1:$2/inside"; sleep 0.3; kill -INT $p; wait $p; mv "$5" "$5$target"; mv "$5.err" "$5.err$target"; done; '
              'kill $s')
    process = subprocess.Popen([need("unshare"), "-pf", "--mount-proc", "/bin/sh", "-c", script, "sh", PYTHON, str(port), binary(),
                                curl, log, t.probe], start_new_session=True)
    t.stops.append(process.kill)
    deadline = time.monotonic() + 40 * SLOW
    while process.poll() is None:
        t.expect(time.monotonic() < deadline, "the script in the namespace does not come to its end")
        ask(curl, server, "/outside")
        time.sleep(0.1)
    found, warns = {}, {}
    for name in os.listdir(t.folder):
        if name.startswith("log.err"):
            with open(os.path.join(t.folder, name)) as file:
                warns[name[7:]] = "pxtrace: in a pid namespace of its own pxtrace sees the processes of that one only" in file.read()
        elif name.startswith("log"):
            with open(os.path.join(t.folder, name)) as file:
                found[name[3:]] = [(rec["target"], rec["role"], rec["pid"] < 1000) for rec in map(json.loads, file)
                                   if rec["type"] == "message"]
    near, far = ("/inside", "server", True), ("/inside", "client", True)
    t.expect(len(found) == 4, f"{found}")
    for name, records in found.items():
        wanted = {"--comm program": [far], "-a": [far, near]}.get(name, [near])
        t.expect(sorted(records) == sorted(wanted), f"{name}: {records}")
    wanted = {name: name in ("--comm program", "-a") for name in found}    # who names a pid knows where it is
    t.expect(warns == wanted, f"warnings: {warns}, instead of {wanted}")


@live(probes=False)
def not_there(t):
    """A target that is not there: 5, and what to do"""
    cases = [("--exe", "/px/no/such/file"), ("--uid", "px-no-such-user"), ("--cgroup", "px-no-such-group"),
             ("--unit", "px-no-such-unit"), ("--container", "px-no-such-container"), ("--container", "0123456789ab")]
    for option, value in cases:
        done = run([binary(), option, value])
        t.expect(done.returncode == 5 and value in done.stderr and len(done.stderr.splitlines()) == 2,
                 f"{option} {value}: status {done.returncode}: {done.stderr}")


@live(probes=False)
def start_record(t):
    """The start record names the targets"""
    with Tracer(None, "--comm", "px-*", "--uid", "0", "--port", "80,81", "--host", "10.1.2.3/8", "--role", "server") as tracer:
        pass
    wanted = ["comm:px-*", "uid:0", "port:80", "port:81", "host:10.0.0.0/8", "role:server"]
    t.expect(tracer.read()[0]["targets"] == wanted, f"{tracer.read()[0]}")
    t.expect(not any("pid namespace" in line for line in tracer.errors), f"a warning that is not due: {tracer.errors}")
