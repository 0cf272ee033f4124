"""Private scanners: clamd with a few signatures of its own, and rspamd with a few
rules, started and killed by the lab."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from tests.lab import protocols, wait
from tests.lab.process import Child

PATIENCE = 60.0

# What clamd finds: these words, in whatever they are packed.
VIRUS = "posthub-test-malware-0001"
VIRUS_NAME = "Posthub.Test.UNOFFICIAL"
# The file that scanners are tested with, in two pieces: no scanner is to find it here.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-" + b"ANTIVIRUS-TEST-FILE!$H+H*"
EICAR_NAME = "Posthub.Eicar.UNOFFICIAL"
STREAM_LIMIT = 1024 * 1024

CLAMD_CONF = """\
LocalSocket {dir}/clamd.sock
LocalSocketMode 666
DatabaseDirectory {dir}/database
TemporaryDirectory {dir}/tmp
LogFile {dir}/clamd.log
Foreground yes
User clamav
Bytecode no
SelfCheck 0
StreamMaxLength {limit}
"""


class Clamd:
    """clamd from Debian's package."""

    def __init__(self, directory: Path, env: dict[str, str]) -> None:
        self.socket = directory / "clamd.sock"
        conf = directory / "clamd.conf"
        for path in (directory, directory / "database", directory / "tmp"):
            path.mkdir()
            shutil.chown(path, "clamav")
            path.chmod(0o755)
        signatures = f"Posthub.Test:0:*:{VIRUS.encode().hex()}\n"
        signatures += f"Posthub.Eicar:0:*:{EICAR.hex()}\n"
        (directory / "database" / "local.ndb").write_text(signatures, encoding="ascii")
        conf.write_text(CLAMD_CONF.format(dir=directory, limit=STREAM_LIMIT), encoding="ascii")
        argv = ["setpriv", "--pdeathsig", "TERM", "clamd", "-c", str(conf)]
        self.child = Child("clamd", argv, directory / "output", env)

    def start(self) -> None:
        self.child.start()
        wait.until("clamd to serve", partial(protocols.accepts, self.socket), PATIENCE)

    def kill(self) -> None:
        self.child.kill()
        self.socket.unlink(missing_ok=True)


# What rspamd gives points for.
SPAM, WORST = "cheap pills", "worst offer"
SPAM_SCORE, WORST_SCORE, HAM_SCORE = 7, 16, -1
RSPAMD_USER = "_rspamd"

# Nothing is asked of the network. ENVELOPE shows that rspamd was told who the
# client and the recipients are.
RSPAMD_CONF = """\
options {{
  pidfile = "{dir}/pid";
  control_socket = "{dir}/control.sock mode=0600";
  hs_cache_dir = "{dir}/cache";
  url_tld = "{dir}/tld";
  tempdir = "{dir}/cache";
  filters = "regexp";
  dns {{ nameserver = ["127.0.0.1:9"]; timeout = 0.1s; }}
}}
logging {{ type = "console"; level = "warning"; }}
actions {{ reject = 15; }}
worker "normal" {{
  bind_socket = "{dir}/rspamd.sock mode=0666";
  count = 1;
}}
lang_detection {{ languages = "{dir}/none"; }}
lua = "{dir}/rspamd.lua";
regexp {{
  SPAM_WORDS {{ re = "/{spam}/i{{mime}}"; score = {spam_score}; }}
  WORST_WORDS {{ re = "/{worst}/i{{mime}}"; score = {worst_score}; }}
}}
"""
RSPAMD_LUA = """\
rspamd_config:register_symbol({{
  name = 'ENVELOPE', score = {ham_score}, callback = function(task)
    local ip, from, to = task:get_ip(), task:get_from('smtp'), task:get_recipients('smtp')
    return ip and ip:is_valid() and from and from[1] and from[1].addr ~= ''
      and to and to[1] and task:get_helo() and task:get_queue_id() ~= nil
  end
}})
"""


class Rspamd:
    """rspamd from Debian's package."""

    def __init__(self, directory: Path, env: dict[str, str]) -> None:
        self.socket = directory / "rspamd.sock"
        conf = directory / "rspamd.conf"
        for path in (directory, directory / "cache"):
            path.mkdir()
            shutil.chown(path, RSPAMD_USER)
            path.chmod(0o755)
        (directory / "tld").write_text("com\nnet\norg\ntest\n", encoding="ascii")
        values = {
            "dir": directory,
            "spam": SPAM,
            "spam_score": SPAM_SCORE,
            "worst": WORST,
            "worst_score": WORST_SCORE,
            "ham_score": HAM_SCORE,
        }
        conf.write_text(RSPAMD_CONF.format(**values), encoding="ascii")
        (directory / "rspamd.lua").write_text(RSPAMD_LUA.format(**values), encoding="ascii")
        # Its title covers the environment, and the lab's mark in it.
        argv = ["setpriv", "--pdeathsig", "TERM", "rspamd", "-f", "-c", str(conf)]
        argv += ["-u", RSPAMD_USER, "-g", RSPAMD_USER]
        self.child = Child("rspamd", argv, directory / "output", env)

    def start(self) -> None:
        self.child.start()
        wait.until("rspamd to serve", partial(protocols.accepts, self.socket), PATIENCE)

    def kill(self) -> None:
        self.child.kill()
        self.socket.unlink(missing_ok=True)
