"""The command "posthub" against a private Redis, without a lab."""

import json
import os
import subprocess

from tests.lab.wait import until

BUILD = os.environ.get("BUILD", "build")
POSTHUB = os.path.abspath(os.path.join(BUILD, "bin", "posthub"))
POLICY = os.path.abspath(os.path.join(BUILD, "bin", "posthub-policy"))

YES, NO, USAGE, DATA, NO_INPUT, UNAVAILABLE, TEMPORARY, CONFIG = 0, 1, 64, 65, 66, 69, 75, 78
PERMISSION = 77


class World:
    """A Redis and a configuration file in a directory of their own."""

    def __init__(self, path):
        self.path = path
        self.socket = str(path / "redis.sock")
        self.conf = str(path / "posthub.conf")
        self.state = path / "state"
        self.state.mkdir()
        self.redis = None
        with open(self.conf, "w") as f:
            f.write(
                f"""[server]
name = MBX1
user =
socket_group =
state_dir = {self.state}
[redis]
url = unix://{self.socket}
timeout = 2s
[directory]
file = {path}/directory
map_size = 64MB
[tracking]
log_dir = {path}/tracking
[policy]
policy = unix:{path}/policy.sock
map = unix:{path}/map.sock
expand = unix:{path}/expand.sock
"""
            )

    def start(self):
        self.redis = subprocess.Popen(
            [
                "redis-server",
                "--port",
                "0",
                "--unixsocket",
                self.socket,
                "--save",
                "",
                "--daemonize",
                "no",
                "--dir",
                str(self.path),
            ],
            stdout=subprocess.DEVNULL,
        )
        until("Redis", self.ping)

    def ping(self):
        return (
            "PONG"
            in subprocess.run(
                ["redis-cli", "-s", self.socket, "PING"], capture_output=True, text=True
            ).stdout
        )

    def stop(self):
        if self.redis:
            self.redis.kill()
            self.redis.wait()
            self.redis = None

    def cli(self, *words):
        """redis-cli, by hand."""
        return subprocess.run(
            ["redis-cli", "-s", self.socket, *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    def run(self, *words, conf=None):
        return subprocess.run(
            [POSTHUB, "-c", conf or self.conf, *words], capture_output=True, text=True, timeout=30
        )

    def ok(self, *words):
        done = self.run(*words)
        assert done.returncode == YES, (words, done.stderr)
        return done.stdout

    def json(self, *words, status=YES):
        done = self.run(*words, "--json")
        assert done.returncode == status, (words, done.stderr)
        return json.loads(done.stdout)

    def refused(self, status, said, *words):
        """Exits so, says so on standard error."""
        done = self.run(*words)
        assert done.returncode == status, (words, done.returncode, done.stderr)
        assert said in done.stderr, (words, done.stderr)
        assert done.stderr.startswith("posthub: ")
