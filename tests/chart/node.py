"""A node, and pods on it, as a kubelet would run them: for the chart's DaemonSet, without a cluster.

The node has a directory for its files, a network namespace, and if asked a bus with firewalld. A pod is
a mount namespace with what the manifest mounts and nothing else, and the user, groups, capabilities and
variables that it says. What of Kubernetes is not here: images (the host's /usr, and the gaoler that was
built), SELinux, seccomp, cgroups. Needs root.
"""

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

DEADLINE = 30
MACHINE_ID = "0123456789abcdef0123456789abcdef"
BOOT_ID = "fedcba9876543210fedcba9876543210"
JOURNAL_GROUP = 190
GAOLER = os.environ.get("GAOLER", "gaoler")

BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
  </policy>
</busconfig>
"""


def wait_until(what, holds):
    """Waits for a condition, and fails when it does not come; gives what it gives."""
    until = time.monotonic() + DEADLINE
    while not (found := holds()):
        if time.monotonic() > until:
            raise AssertionError(f"in vain: {what}")
        time.sleep(0.05)
    return found


class Node:
    """Files, a network, and what runs in it."""

    def __init__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="gaoler-node-"))
        self.directory.chmod(0o755)
        self.root = self.directory / "root"
        self.children = []
        for name in ("etc", "var/log", "run/log", "run/dbus", "var/lib", "srv/log"):
            (self.root / name).mkdir(parents=True)
        (self.root / "var/run").symlink_to(self.root / "run")
        (self.root / "etc/machine-id").write_text(f"{MACHINE_ID}\n")
        (self.root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nadmin:x:1000:1000::/:/bin/sh\n")
        (self.root / "etc/group").write_text("root:x:0:\nwheel:x:10:admin\nadmin:x:1000:\n")
        self.network = self.start(["unshare", "--net", "sleep", "infinity"])
        own = os.readlink("/proc/self/ns/net")
        wait_until("a network", lambda: self.namespace() not in (None, own))
        self.run("ip", "link", "set", "lo", "up")

    def namespace(self):
        try:
            return os.readlink(f"/proc/{self.network.pid}/ns/net")
        except OSError:
            return None

    def close(self):
        """Ends all that runs on the node, and the node."""
        for child in reversed(self.children):
            child.kill()
            child.wait()
        shutil.rmtree(self.directory)

    def start(self, command, **more):
        """A process that ends with the node, if not before."""
        tied = ["setpriv", "--pdeathsig", "KILL", "--", *command]
        child = subprocess.Popen(tied, **more)
        self.children.append(child)
        return child

    def inside(self, *command):
        """A command in the node's network, on its bus."""
        bus = f"DBUS_SYSTEM_BUS_ADDRESS=unix:path={self.root}/run/dbus/system_bus_socket"
        return ["nsenter", "--net", "--target", str(self.network.pid), "--", "env", bus, *command]

    def run(self, *command):
        """What a command in the node's network says; it must succeed."""
        done = subprocess.run(self.inside(*command), capture_output=True, text=True)
        if done.returncode:
            raise AssertionError(f"{shlex.join(command)}: {done.stdout}{done.stderr}")
        return done.stdout

    def log_journal(self, *messages):
        """Journal files as journald leaves them, for root and its own group, of sshd's messages now."""
        directory = self.root / "run/log/journal" / MACHINE_ID
        directory.mkdir(parents=True, exist_ok=True)
        now = int(time.time() * 1_000_000)
        entries = "".join(
            f"__REALTIME_TIMESTAMP={now + at}\n__MONOTONIC_TIMESTAMP={1_000_000 + at}\n_BOOT_ID={BOOT_ID}\n"
            f"_MACHINE_ID={MACHINE_ID}\n_SYSTEMD_UNIT=sshd.service\n_UID=0\n_COMM=sshd\n"
            f"_HOSTNAME=node-1\n_PID=4711\nSYSLOG_PID=4711\nSYSLOG_IDENTIFIER=sshd\nMESSAGE={message}\n\n"
            for at, message in enumerate(messages)
        )
        remote = ["/lib/systemd/systemd-journal-remote", "-o", str(directory / "system.journal"), "-"]
        subprocess.run(remote, input=entries, text=True, check=True, capture_output=True)
        for path in (directory.parent, directory):
            os.chown(path, 0, JOURNAL_GROUP)
            path.chmod(0o750)
        for path in directory.iterdir():
            os.chown(path, 0, JOURNAL_GROUP)
            path.chmod(0o640)

    def start_firewalld(self):
        """A bus and a firewalld of the node's own."""
        configuration = self.directory / "bus.conf"
        configuration.write_text(BUS.format(socket=self.root / "run/dbus/system_bus_socket"))
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.start(["dbus-daemon", "--nofork", f"--config-file={configuration}"], **silent)
        wait_until("a bus", (self.root / "run/dbus/system_bus_socket").exists)
        shutil.copytree("/etc/firewalld", self.directory / "firewalld", dirs_exist_ok=True)
        firewalld = ["firewalld", "--nofork", "--nopid", f"--system-config={self.directory}/firewalld"]
        log = [f"--log-target=file", f"--log-file={self.directory}/firewalld.log"]
        self.start(self.inside(*firewalld, *log), **silent)
        state = self.inside("firewall-cmd", "--state")
        wait_until("firewalld", lambda: subprocess.run(state, **silent).returncode == 0)


class Pod:
    """A DaemonSet's pod on a node. `secrets`: what the cluster has, files by name by Secret."""

    def __init__(self, node, objects, secrets=None):
        self.node = node
        [daemonset] = [found for found in objects if found["kind"] == "DaemonSet"]
        self.maps = {o["metadata"]["name"]: o.get("data", {}) for o in objects if o["kind"] == "ConfigMap"}
        self.secrets = secrets or {}
        self.spec = daemonset["spec"]["template"]["spec"]
        [self.container] = self.spec["containers"]
        self.directory = Path(tempfile.mkdtemp(prefix="pod-", dir=node.directory))
        self.directory.chmod(0o755)
        self.volumes = {volume["name"]: self.volume(volume) for volume in self.spec["volumes"]}
        self.process = None
        for container in self.spec.get("initContainers", []):
            done = subprocess.run(self.command(container, container["command"]), capture_output=True, text=True)
            if done.returncode:
                raise AssertionError(f"{container['name']}: {done.stderr}")

    def start(self):
        """Runs the container, as it says."""
        self.log = self.directory / "log"
        with self.log.open("w") as log:
            whole = self.container["command"] + self.container["args"]
            self.process = self.node.start(self.command(self.container, whole), stdout=log, stderr=log)

    def stop(self):
        """As a kubelet does: SIGTERM, and waits."""
        [inner] = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        os.kill(int(inner), signal.SIGTERM)
        self.process.wait(DEADLINE)

    def once(self, *args):
        """Runs the container's command with other arguments to its end."""
        whole = self.container["command"] + list(args)
        return subprocess.run(self.command(self.container, whole), capture_output=True, text=True)

    def exec(self, *command):
        """`kubectl exec`: a further command in the running pod."""
        entered = self.command(self.container, list(command), volumes_from=self)
        return subprocess.run(entered, capture_output=True, text=True)

    def probe(self, name):
        """What a kubelet's probe gets: whether it succeeds, and what it is told."""
        probe = self.container[name]
        if "exec" in probe:
            done = self.exec(*probe["exec"]["command"])
            return done.returncode == 0, done.stdout + done.stderr
        get, [port] = probe["httpGet"], self.container["ports"]
        host = f"[{self.ip()}]" if ":" in self.ip() else self.ip()
        url = f"{get['scheme'].lower()}://{host}:{port['containerPort']}{get['path']}"
        curl = self.node.inside("curl", "--silent", "--insecure", "--fail-with-body", url)
        done = subprocess.run(curl, capture_output=True, text=True)
        return done.returncode == 0, done.stdout + done.stderr

    def ip(self):
        """The address in the node's network; IPv6 where the configuration takes it for that."""
        return "::1" if any("[${POD_IP}]" in text for text in self.maps.get(self.config(), {}).values()) else "127.0.0.1"

    def config(self):
        [volume] = [volume for volume in self.spec["volumes"] if volume["name"] == "config"]
        return volume["configMap"]["name"]

    def volume(self, volume):
        """The directory or file of a volume."""
        if host := volume.get("hostPath"):
            path = self.node.root / host["path"].lstrip("/")
            if host["type"] == "DirectoryOrCreate":
                path.mkdir(parents=True, exist_ok=True)
            fits = {"Directory": path.is_dir, "DirectoryOrCreate": path.is_dir, "File": path.is_file}
            if not fits[host["type"]]():
                raise AssertionError(f"{host['path']} of the node is no {host['type']}")
            return path
        path = self.directory / "volumes" / volume["name"]
        path.mkdir(parents=True)
        if "configMap" in volume:
            data = self.maps[volume["configMap"]["name"]]
            items = {item["path"]: data[item["key"]] for item in volume["configMap"]["items"]}
            publish(path, items, 0o644, 0)
        elif "projected" in volume:
            names = [source["secret"]["name"] for source in volume["projected"]["sources"]]
            files = {file: text for name in names for file, text in self.secrets[name].items()}
            publish(path, files, volume["projected"]["defaultMode"], self.spec["securityContext"]["fsGroup"])
        else:
            os.chown(path, 0, self.spec["securityContext"]["fsGroup"])
            path.chmod(0o2777)
        return path

    def environment(self, container):
        fields = {
            "spec.nodeName": "node-1",
            "status.hostIP": "127.0.0.1",
            "status.podIP": self.ip(),
            "metadata.name": "gaoler-abcde",
            "metadata.namespace": "gaoler",
        }
        found = {}
        for entry in container.get("env", []):
            value = entry.get("value", "")
            if source := entry.get("valueFrom"):
                if "fieldRef" in source:
                    value = fields[source["fieldRef"]["fieldPath"]]
                else:
                    reference = source["secretKeyRef"]
                    value = self.secrets[reference["name"]][reference["key"]]
            for name, known in found.items():
                value = value.replace(f"$({name})", known)
            found[entry["name"]] = value
        return found

    def command(self, container, command, volumes_from=None):
        """What runs a command as the container would: a new root, its mounts, its user."""
        root = self.directory / "root"
        root.mkdir(exist_ok=True)
        lines = ["set -eu", "mount --make-rprivate /", f"mount -t tmpfs -o mode=0755 tmpfs {root}"]
        lines += [f"mkdir -p {root}/{name}" for name in ("usr", "proc", "dev", "etc", "image", "run", "var")]
        lines.append(f"ln -s ../run {root}/var/run")
        lines += [f"ln -s usr/{name} {root}/{name}" for name in ("bin", "sbin", "lib", "lib64")]
        lines += [f"mount --rbind {where} {root}{where}" for where in ("/usr", "/dev")]
        lines += [f"mount -o remount,bind,ro {root}/usr", f"mount -t proc proc {root}/proc"]
        lines += [f"touch {root}/image/gaoler {root}/etc/passwd {root}/etc/group"]
        lines += [f"mount --bind {shlex.quote(GAOLER)} {root}/image/gaoler"]
        for mount in container["volumeMounts"]:
            source, target = self.volumes[mount["name"]], f"{root}{mount['mountPath']}"
            make = "touch" if source.is_file() else "mkdir -p"
            lines.append(f"mkdir -p $(dirname {target}); {make} {target}; mount --bind {source} {target}")
            if mount.get("readOnly"):
                lines.append(f"mount -o remount,bind,ro {target}")
        if container["securityContext"]["readOnlyRootFilesystem"]:
            lines.append(f"mount -o remount,ro {root}")
        variables = [f"{name}={value}" for name, value in self.environment(container).items()]
        user = ["setpriv", *self.identity(container), "--"]
        inner = ["chroot", str(root), *user, "env", "-i", "PATH=/image:/usr/bin:/usr/sbin", *variables, *command]
        lines.append(f"exec {shlex.join(inner)}")
        # A process of the same kind dies with its parent, so that none outlives the test.
        outer = ["unshare", "--mount", "--fork", "--kill-child", "bash", "-c", "\n".join(lines)]
        return self.node.inside(*outer)

    def identity(self, container):
        """setpriv(1)'s words for the security contexts."""
        context = {**self.spec["securityContext"], **container["securityContext"]}
        capabilities = context["capabilities"].get("add", [])
        bounding = ",".join(["-all", *(f"+{name.lower()}" for name in capabilities)])
        groups = ",".join(str(group) for group in [context["fsGroup"], *context["supplementalGroups"]])
        if context["runAsUser"] == 0 and context["runAsNonRoot"]:
            raise AssertionError("container has runAsNonRoot and runs as root")
        yield from ("--reuid", str(context["runAsUser"]), "--regid", str(context["runAsGroup"]))
        yield from ("--groups", groups, "--inh-caps=-all", f"--bounding-set={bounding}")
        if context["allowPrivilegeEscalation"] is False:
            yield "--no-new-privs"


def publish(directory, files, mode, group):
    """Files of a ConfigMap or Secret as a kubelet lays them: links to a directory that is swapped whole."""
    data = directory / "..2026_11_22"
    for name, text in files.items():
        path = data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        os.chown(path, 0, group)
    data.mkdir(exist_ok=True)
    (directory / "..data").symlink_to(data.name)
    for name in {name.split("/")[0] for name in files}:
        (directory / name).symlink_to(f"..data/{name}")


def certificate(directory):
    """A pair that stands for itself, as `tls.crt` and `tls.key`."""
    paths = [Path(directory) / "tls.crt", Path(directory) / "tls.key"]
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subject = ["-subj", "/CN=gaoler", "-addext", "subjectAltName=DNS:gaoler", "-days", "30"]
    subprocess.run(
        [*make, *subject, "-out", paths[0], "-keyout", paths[1]], check=True, capture_output=True
    )
    return {path.name: path.read_text() for path in paths}
