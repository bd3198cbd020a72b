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
    """A running emulator. `account` is the one its plain credentials act in."""

    name: str
    url: str
    account: str
    reset_path: str
    log: pathlib.Path

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

    def reset(self):
        """Forgets everything that was made."""
        request = urllib.request.Request(self.url + self.reset_path, method="POST")
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 200, f"{self.name} did not reset: HTTP {answer.status}"


@contextlib.contextmanager
def moto():
    """moto in server mode. Credentials that it did not issue act in account 123456789012."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with _running("moto", command, port, {}, ready="/moto-api/", reset="/moto-api/reset", account="123456789012") as one:
        yield one


@contextlib.contextmanager
def ministack(account="111111111111"):
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
    command = [sys.executable, "-m", "ministack"]
    with _running(
        "ministack", command, port, settings, ready="/_ministack/ready", reset="/_ministack/reset", account=account
    ) as one:
        yield one


@contextlib.contextmanager
def _running(name, command, port, settings, *, ready, reset, account):
    """One emulator process in a directory of its own, stopped on the way out whatever happened."""
    with tempfile.TemporaryDirectory(prefix=f"guardline-{name}-") as home:
        log = pathlib.Path(home, "emulator.log")
        environment = bare_environment(home) | settings
        with log.open("wb") as out:
            process = subprocess.Popen(
                command, cwd=home, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
            )
        emulator = Emulator(name, f"http://127.0.0.1:{port}", account, reset, log)
        try:
            _wait_until_ready(process, emulator, ready)
            yield emulator
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


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
        of_rule = [finding for finding in self.report["findings"] if finding["rule"] == rule]
        fitting = [finding for finding in of_rule if subject_names(finding, names)]
        assert len(fitting) == 1, (
            f"`{rule}` about {names}: {len(fitting)} findings; "
            f"the rule's subjects are {[finding['subject'] for finding in of_rule]}"
        )
        return fitting[0]

    def coverage(self, operation):
        """The rows about an operation, `service:Operation`, with whatever subject follows it."""
        return [row for row in self.report["coverage"] if row["source"].split()[0] == operation]


def is_reason(text):
    """One line of a few words: not empty, and not the page of HTML that an emulator answered with."""
    return bool(text.strip()) and "\n" not in text and len(text) < 250


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
    """Runs the binary against one emulator, from a directory of its own."""

    def __init__(self, emulator, directory, key="AKIAGUARDLINE0000000"):
        self.emulator = emulator
        self.directory = pathlib.Path(directory)
        self.key = key

    def scan(self, baseline, *flags, **env):
        """Writes the baseline as YAML, scans with `flags` and the extra environment `env`, and reads the JSON report.

        A run that leaves no report has an empty one: the exit code and stderr say why.
        """
        binary = os.environ.get("GUARDLINE_BIN")
        assert binary, "set GUARDLINE_BIN to the guardline binary, such as target/debug/guardline"
        file = self.directory / "baseline.yaml"
        file.write_text(yaml.dump(baseline, Dumper=_QuotedDigits, sort_keys=False))
        output = self.directory / "report.json"
        output.unlink(missing_ok=True)
        environment = bare_environment(self.directory) | {
            "AWS_ENDPOINT_URL": self.emulator.url,
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": "emulated",
            "AWS_REGION": HOME,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "2",  # what an emulator does not have does not come by asking again
            "NO_COLOR": "1",
            **env,
        }
        run = subprocess.run(
            [binary, "scan", "--baseline", str(file), "--format", "json", "--output", str(output), *flags],
            cwd=self.directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SCAN_TIMEOUT,
        )
        report = json.loads(output.read_text()) if output.exists() else {}
        assert run.stdout == "", f"stdout carries data only, and the report went to a file: {run.stdout[:500]}"
        return Scan(run.returncode, run.stderr, report)
