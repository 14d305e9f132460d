# SPDX-License-Identifier: Apache-2.0
"""What the program says when it cannot run: cause, cure and exit status, each provoked for real; but for the number of an old kernel."""
import os
import platform
import re
import shutil
import signal
import subprocess

from harness.raw import Client
from harness.registry import live
from harness.servers import LIVE, PYTHON, Nginx, Skip, c_binary, need
from harness.tracer import SLOW, Failed, binary


def run(argv, timeout=20):
    """(status, stdout, stderr) of a command that is expected to end by itself."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout * SLOW,
                          start_new_session=True)
    return done.returncode, done.stdout, done.stderr


def refused(t, argv, status, *words, lines=4):
    """argv ends with this status and says these words on stderr, in few lines, and nothing on stdout; returns what it said."""
    got, out, err = run(argv)
    t.expect(got == status, f"exit status {got} instead of {status}; stderr: {err!r}")
    t.expect(out == "", f"stdout: {out!r}")
    for word in words:
        t.expect(word in err, f"{word!r} is not in stderr: {err!r}")
    t.expect(err.count("\n") <= lines, f"more than cause and cure: {err!r}")
    t.expect(all(line.startswith("pxtrace: ") or line.startswith(" ") for line in err.splitlines()),
             f"lines of somebody else's: {err!r}")
    return err


def predicted(t, argv, status, cause):
    """--check of this command line says that it will FAIL, for this cause, and ends with the status that it would have."""
    got, out, err = run([*argv, "--check"])
    fails = [line for line in out.splitlines() if line.startswith("FAIL ")]
    t.expect(got == status and any(cause in line for line in fails), f"--check: exit status {got}, not {status}; {out} {err}")


def idle(t):
    """The pid of a process that does nothing."""
    target = subprocess.Popen(["/bin/sleep", "60"], start_new_session=True)
    t.stops.append(target.kill)
    return target.pid


def program_for_all(t):
    """A copy of the program that every user may run."""
    path = f"/var/tmp/pxtrace-{os.getpid()}"
    shutil.copy(binary(), path)
    os.chmod(path, 0o755)
    t.stops.append(lambda: os.path.exists(path) and os.unlink(path))
    return path


def as_nobody(*options):
    return [need("setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups", *options]


@live(probes=False)
def no_such_process(t):
    """-p of a pid that is not there: 5"""
    child = subprocess.Popen(["/bin/true"])
    child.wait()
    refused(t, [binary(), "-p", str(child.pid)], 5, f"no process {child.pid}")


@live(probes=False)
def usage(t):
    """Mistakes on the command line: 2"""
    for argv in (["--no-such-option"], ["-p", "x"], ["-p", ""], ["--probe=magic", "-p", "1"]):
        got, out, err = run([binary(), *argv])
        t.expect(got == 2 and not out and err.startswith("pxtrace: "), f"{argv}: {got} {out!r} {err!r}")


@live(probes=False)
def not_root(t):
    """As nobody: 3, and what is missing by name"""
    pid = str(idle(t))
    argv = [*as_nobody(), program_for_all(t), "-p", pid]
    refused(t, argv, 3, "cap_bpf", "cap_perfmon", f"Try: sudo pxtrace -p {pid}")
    predicted(t, argv, 3, "missing: cap_bpf")


def in_private_mounts(script, *args):
    """A command line that runs the shell text in mount and nothing else of its own; args are $1, $2, ..."""
    private = [need("unshare"), "-m", "--propagation", "private"]
    tried = subprocess.run([*private, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        raise Skip(f"mounts cannot be hidden here, in a chroot perhaps: {tried.stderr.strip()}")
    return [*private, "/bin/sh", "-c", script, "sh", *map(str, args)]


@live(probes=False)
def libbcc_missing(t):
    """Without libbcc: 4, and the package to install"""
    found = [line.split()[-1] for line in subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True)
             .stdout.splitlines() if "libbcc.so" in line]
    if not found:
        raise Skip("no libbcc here at all")
    hide = " && ".join(f"mount --bind /dev/null '{os.path.realpath(path)}'" for path in found)
    argv = in_private_mounts(hide + ' && exec "$@"', binary(), "-p", idle(t))
    refused(t, argv, 4, "libbcc", "libbpfcc")
    predicted(t, argv, 4, "libbcc: not found")


@live()
def tracefs_not_mounted(t):
    """Without tracefs it works all the same, or says 4 and how to mount it"""
    server = t.start(Nginx(t.folder))
    script = ("umount -l /sys/kernel/debug/tracing 2>/dev/null; umount -l /sys/kernel/debug 2>/dev/null; "
              "umount -l /sys/kernel/tracing; exec \"$@\"")
    pids = ",".join(map(str, server.pids))
    process = subprocess.Popen(in_private_mounts(script, binary(), "-j", f"--probe={t.probe}", "-p", pids),
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    t.stops.append(process.kill)
    errors = ""
    for line in process.stderr:
        errors += line
        if line.startswith("pxtrace: tracing "):
            break
    if not errors or "pxtrace: tracing " not in errors:
        t.expect(process.wait(10 * SLOW) == 4 and "mount -t tracefs" in errors, f"{process.returncode} {errors!r}")
        t.note("says how to mount it")
        return
    with Client(server.address, t.account) as client:
        client.ask("GET", "/small?without")
    process.send_signal(signal.SIGINT)
    out, rest = process.communicate(timeout=10 * SLOW)
    t.expect(process.returncode == 0, f"exit status {process.returncode}: {errors}{rest}")
    t.expect(out.count('"type":"message"') == 1, f"no record: {out!r} {errors}{rest}")
    with open("/proc/mounts") as file:
        t.expect(" /sys/kernel/tracing " in file.read(), "the host's tracefs was unmounted by this test")


CAP_PERFMON, CAP_BPF = 38, 39


def may(*caps):
    """As nobody, with these capabilities and no others."""
    names = ",".join(f"+cap_{cap}" for cap in caps)
    return as_nobody(f"--inh-caps={names}", f"--ambient-caps={names}")


# What stands in the way -> how it is put there (a shell text; $1 and so on are the command), who runs it, its status, what it says.
# Locked memory is charged by kernels before 5.11 only, so there a file says that this one is older; test_transport.py has what is
# charged still.
OBSTACLES = {
    "a capability": ('exec "$@"', may(CAP_BPF), 3, ["missing: cap_perfmon (attach", "Try: sudo pxtrace"]),
    "another one": ('exec "$@"', may(CAP_PERFMON), 3, ["missing: cap_bpf (load", "Try: sudo pxtrace"]),
    "a user namespace": ('exec unshare -U -r "$@"', [], 3, ["user namespace is not root to BPF", "root of the host"]),
    "a pid namespace": ('exec unshare -p -f --mount-proc "$@"', [], 5, ["no process", "--pid=host"]),
    "no BTF": ('mount -t tmpfs none /sys/kernel/btf && exec "$@"', [], 4, ["/sys/kernel/btf/vmlinux", "CONFIG_DEBUG_INFO_BTF"]),
    "memlock": ('echo 5.10.0 >"$0" && mount --bind "$0" /proc/sys/kernel/osrelease && ulimit -l 64 && exec setpriv --bounding-set=-sys_resource "$@"',
                [], 4, ["65536 bytes of locked memory are too few for Linux 5.10", "ulimit -l unlimited"]),
}


@live(probes=False)
def host_in_the_way(t):
    """Capabilities, namespaces, BTF, memlock of old kernels: each by its name, with its cure"""
    program, pid = program_for_all(t), str(idle(t))
    scratch = os.path.join(t.folder, "text")
    open(scratch, "w").close()
    os.chmod(t.folder, 0o755)
    for what, (how, who, status, words) in OBSTACLES.items():
        argv = in_private_mounts(how, *who, program, "-p", pid)
        argv[argv.index("sh")] = scratch    # what the shell calls $0
        try:
            refused(t, argv, status, *words)
            predicted(t, argv, status, words[0])
        except Failed as why:
            raise Failed(f"{what}: {why}") from None


@live(probes=False, vm="last")
def kernel_in_the_way(t):
    """perf_event_paranoid and lockdown, by the kernel that knows them: by their names, with their cures"""
    paranoid, lockdown = "/proc/sys/kernel/perf_event_paranoid", "/sys/kernel/security/lockdown"
    program, pid = program_for_all(t), str(idle(t))
    with open(paranoid) as file:
        before = file.read()
    with open(paranoid, "w") as file:
        file.write("3")
    for option, cure in (("--probe=kprobe", "--probe=auto"), ("--transport=perf", "--transport=auto")):
        refused(t, [*may(CAP_BPF, CAP_PERFMON), program, option, "-p", pid], 3, "perf_event_paranoid is 3", cure,
                "sysctl kernel.perf_event_paranoid=2")
    with open(paranoid, "w") as file:
        file.write(before)
    with open(lockdown, "w") as file:
        file.write("confidentiality")
    refused(t, [binary(), "-p", pid], 4, "lockdown (confidentiality)", "lockdown=integrity")
    predicted(t, [binary(), "-p", pid], 4, "lockdown: confidentiality")


SECCOMP = """
import ctypes, os, struct, sys
code = [(0x20, 0, 0, 0), (0x15, 0, 1, int(sys.argv[1])), (0x06, 0, 0, 0x50001), (0x06, 0, 0, 0x7fff0000)]    # bpf(): EPERM
program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
filter = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code), ctypes.addressof(program)))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, filter):    # PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP
    sys.exit("prctl: " + os.strerror(ctypes.get_errno()))
os.execv(sys.argv[2], sys.argv[2:])
"""


@live(probes=False)
def seccomp(t):
    """A filter of system calls that forbids bpf(), as containers have one: 3, and how to be without"""
    number = {"x86_64": 321, "aarch64": 280}.get(platform.machine())
    if not number:
        raise Skip("the number of bpf() is not known here")
    argv = [PYTHON, "-c", SECCOMP, str(number), binary(), "-p", str(idle(t))]
    refused(t, argv, 3, "a seccomp filter forbids bpf()", "--privileged")
    predicted(t, argv, 3, "a seccomp filter forbids bpf()")


@live(probes=False)
def verifier(t):
    """The verifier says no (a library spoils the programs on their way): 4, its last lines, and a file with all of them"""
    spoil = c_binary("refuse.so", f"{LIVE}/clients/refuse.c", "-shared", "-fPIC")
    err = refused(t, [need("env"), f"LD_PRELOAD={spoil}", binary(), "--probe=tracepoint", "-p", str(idle(t))], 4,
                  "the kernel refuses program px_", "R9 !read_ok", "processed", "all of it: ", "please report this", lines=8)
    path = re.search(r"all of it: (\S+)\)", err)[1]
    with open(path) as file:
        t.expect("R9 !read_ok" in file.read(), f"{path} is not the verifier's log")
    os.unlink(path)


@live(probes=False)
def no_kprobes(t):
    """--probe=kprobe on a kernel that has none works from tracepoints, with a note; one with them uses them"""
    server = t.start(Nginx(t.folder))
    has_some = os.path.exists("/sys/bus/event_source/devices/kprobe")
    with t.trace(server.pids, "--probe=kprobe") as tracer:
        with Client(server.address, t.account) as client:
            client.ask("GET", "/small")
    t.check([ex.seen_as("server") for ex in t.account], tracer)
    said = any(line.endswith("this kernel has no kprobes: using syscall tracepoints") for line in tracer.errors)
    probe = tracer.read()[0]["probe"]
    t.expect((probe, said) == (("kprobe", False) if has_some else ("tracepoint", True)), f"{probe}: {tracer.errors}")
