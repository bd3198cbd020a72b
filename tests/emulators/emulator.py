"""Starts the two public AWS emulators on loopback, speaks to them with boto3, and runs `guardline scan` against them.

In: the Python packages of `requirements.txt` and, for scans, the binary named by `GUARDLINE_BIN`. Out: endpoints, boto3
clients and what a scan said. Never leaves loopback, never reads the caller's AWS settings, never starts a shell.
"""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field

import boto3
import yaml
from botocore.config import Config

#: Where the organisation's own calls are signed for, and where every emulated trail lives.
HOME = "us-east-1"

#: A scan of an emulator is over in seconds; one that is not hangs.
SCAN_TIMEOUT = 180


def bare_environment(home):
    """An environment without any cloud setting of the caller's: only what a program needs to start."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH", "SYSTEMROOT") if name in os.environ}
    return kept | {"HOME": str(home), "TMPDIR": str(home), "NO_PROXY": "127.0.0.1", "PYTHONUNBUFFERED": "1"}


def free_port():
    """A port that nobody listens on just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@dataclass
class Emulator:
    """A running emulator. `account` is the one its plain credentials act in, `attempts` how often a scan asks it."""

    name: str
    url: str
    account: str
    log: pathlib.Path
    attempts: int = 2

    def client(self, service, region=HOME, key="test", secret="test", token=None):
        """A boto3 client that knows nothing but this emulator; one attempt, so that a failure shows."""
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=self.url,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=Config(retries={"total_max_attempts": 1}, ignore_configured_endpoint_urls=True),
        )


@contextlib.contextmanager
def moto(directory):
    """moto in server mode. Credentials that it did not issue act in account 123456789012."""
    port = free_port()
    command = ["moto.server", "-H", "127.0.0.1", "-p", str(port)]
    emulator = Emulator("moto", f"http://127.0.0.1:{port}", "123456789012", directory / "moto.log")
    emulator.attempts = 1  # it says with 500 that it does not have something, and would be asked for all that twice
    with _running(emulator, command, {}, ready="/moto-api/"):
        yield emulator


@contextlib.contextmanager
def ministack(directory, account="111111111111"):
    """ministack with an event history. An access key of twelve digits acts in that account, any other in `account`."""
    port = free_port()
    settings = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_ACCOUNT_ID": account,
        "CLOUDTRAIL_RECORDING": "1",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }
    emulator = Emulator("ministack", f"http://127.0.0.1:{port}", account, directory / "ministack.log")
    with _running(emulator, ["ministack"], settings, ready="/_ministack/ready"):
        yield emulator


#: Runs a module as a program that ends with whoever started it, however that one ends: its stdin closes then.
_LEASHED = """
import os, runpy, sys, threading
threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(1)), daemon=True).start()
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


@contextlib.contextmanager
def _running(emulator, command, settings, *, ready):
    """The emulator's process, stopped on the way out whatever happened. Its output stays in `emulator.log`."""
    with tempfile.TemporaryDirectory(prefix=f"guardline-{emulator.name}-") as home, emulator.log.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", _LEASHED, *command],
            cwd=home,
            env=bare_environment(home) | settings,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_until_ready(process, emulator, ready)
            yield
        finally:
            process.kill()  # it has nothing to bring to an end
            process.wait()
            process.stdin.close()


def _wait_until_ready(process, emulator, path, limit=60):
    """Returns once the emulator answers; says why when it ended or stays silent."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{emulator.name} ended with {process.returncode}:\n{emulator.log.read_text()[-2000:]}")
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            with urllib.request.urlopen(emulator.url + path, timeout=2) as answer:
                if answer.status == 200:
                    return
        time.sleep(0.1)
    raise RuntimeError(f"{emulator.name} was not ready within {limit} s:\n{emulator.log.read_text()[-2000:]}")


@dataclass
class Scan:
    """What one run of `guardline scan` said."""

    code: int
    stderr: str
    report: dict = field(default_factory=dict)

    def open(self, *kinds):
        """Open findings above `info`, of these kinds or of all."""
        return [
            finding
            for finding in self.report["findings"]
            if finding["status"] == "open"
            and finding["severity"] != "info"
            and (not kinds or finding["kind"] in kinds)
        ]

    def found(self, rule, *names):
        """The one finding of this rule whose subject names all of `names` by id; anything else fails the test."""
        of_rule = [finding for finding in self.report["findings"] if rule in (finding["rule"], written(finding))]
        fitting = [finding for finding in of_rule if subject_names(finding, names)]
        assert len(fitting) == 1, (
            f"`{rule}` about {names}: {len(fitting)} findings; "
            f"the rule's subjects are {[finding['subject'] for finding in of_rule]}"
        )
        return fitting[0]

    def coverage(self, operation):
        """The rows about an operation, `service:Operation`, with whatever subject follows it."""
        return [row for row in self.report["coverage"] if row["source"].split()[0] == operation]

    def assert_exactly(self, wanted, kinds):
        """All of `wanted`, (rule, what its subject names), is open; of these kinds nothing else is, above `info`."""
        for rule, *names in wanted:
            found = self.found(rule, *names)
            assert found["status"] == "open", found
        surplus = [
            (finding["rule"], finding["subject"]["id"])
            for finding in self.open(*kinds)
            if not any(written(finding) == rule and subject_names(finding, names) for rule, *names in wanted)
        ]
        assert surplus == []

    def assert_read(self, *operations):
        """These were read, whole."""
        for operation in operations:
            rows = self.coverage(operation)
            assert rows, f"{operation} was not read"
            assert all(row["status"] == "evaluated" for row in rows), rows

    def assert_unreadable(self, operation):
        """What an emulator does not have is a gap with a reason: one line of a few words, and not a page of HTML."""
        rows = self.coverage(operation)
        assert rows, f"{operation} is not in the coverage at all"
        for row in rows:
            assert row["status"] in ("failed", "unsupported", "denied"), row
            reason = row["reason"]
            assert reason.strip() and "\n" not in reason and len(reason) < 250, row


def written(finding):
    """The rule of the plain difference, where the finding says what it comes to for guardrails."""
    if finding["rule"] not in ("policy.weakened", "policy.tightened", "policy.undecided"):
        return finding["rule"]
    if finding["aspect"] == "content":
        return "policy.changed"
    gone = finding["actual"] is None
    if finding["aspect"] == "attachment":
        return "policy.detached" if gone else "policy.attached"
    return "policy.missing" if gone else "policy.unexpected"


def subject_names(finding, names):
    """Whether a finding is about exactly these ids, in any order: its subject joins them by `/` or `@`."""
    rest = finding["subject"]["id"]
    for name in sorted(names, key=len, reverse=True):
        if name not in rest:
            return False
        rest = rest.replace(name, "", 1)
    return rest.strip("/@") == ""


class _QuotedDigits(yaml.SafeDumper):
    """Writes account ids in quotes always: YAML 1.1 leaves `089…` bare, as no octal number, and 1.2 reads a number."""


_QuotedDigits.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if text.isdigit() else None),
)


class Scanner:
    """Runs the binary against one emulator, and keeps what each run was given and said in a directory of its own."""

    def __init__(self, emulator, directory, key="AKIAGUARDLINE0000000"):
        self.emulator = emulator
        self.directory = pathlib.Path(directory)
        self.key = key
        self.runs = 0

    def scan(self, baseline, *flags, key=None):
        """Writes the baseline as YAML, scans with `flags`, and reads the JSON report.

        A run that leaves no report has an empty one: the exit code and stderr say why. Runs begin in whole seconds: what
        was changed in the second before is waited for, or it would lie behind the end of the run's window.
        """
        binary = os.environ.get("GUARDLINE_BIN")
        assert binary, "set GUARDLINE_BIN to the guardline binary, such as target/debug/guardline"
        time.sleep(1)
        self.runs += 1
        file = self.directory / f"baseline-{self.runs}.yaml"
        file.write_text(yaml.dump(baseline, Dumper=_QuotedDigits, sort_keys=False))
        output = self.directory / f"report-{self.runs}.json"
        environment = bare_environment(self.directory) | {
            "AWS_ENDPOINT_URL": self.emulator.url,
            "AWS_ACCESS_KEY_ID": key or self.key,
            "AWS_SECRET_ACCESS_KEY": "emulated",
            "AWS_REGION": HOME,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": str(self.emulator.attempts),
            "NO_COLOR": "1",
        }
        run = subprocess.run(
            [str(pathlib.Path(binary).resolve()), "scan", "--baseline", str(file), "--output", str(output), *flags],
            cwd=self.directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SCAN_TIMEOUT,
        )
        (self.directory / f"stderr-{self.runs}.txt").write_text(run.stderr)
        report = json.loads(output.read_text()) if output.exists() else {}
        assert run.stdout == "", f"stdout carries data only, and the report went to a file: {run.stdout[:500]}"
        return Scan(run.returncode, run.stderr, report)
