"""python -m testbed start | stop | status | serve"""

import argparse
import gc
import os
import select
import subprocess
import sys
from pathlib import Path

from .slots import Record, alone, folder, remove_files

STARTS_WITHIN = 30.0  # seconds
ENDS_WITHIN = 6.0
NOT_RUNNING = 3  # as `systemctl status` and the LSB have it


def answers(record: Record) -> bool:
    import urllib.error  # a start in an empty folder asks nobody
    import urllib.request

    try:
        with urllib.request.urlopen(f"{record.endpoint}/_localstack/health", timeout=10) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def start(state: Path, scale: float, engine: str) -> int:
    with alone(state):
        record = Record.read(state)
        if record and record.running() and answers(record):
            print(f"a bed already answers at {record.endpoint} (scale {record.scale}, engine {record.engine})")
            return 0
        end(record)
        remove_files(state)
        folder(state).mkdir(parents=True)
        problem = launch(state, scale, engine)
        record = Record.read(state)
    if problem or record is None:
        print(problem or f"the bed ended at once: see {folder(state) / 'server.log'}", file=sys.stderr)
        return 1
    print(f"the bed answers at {record.endpoint} (scale {record.scale}, engine {record.engine})")
    return 0


def launch(state: Path, scale: float, engine: str) -> str:
    """Start the server process and wait until it answers; "" or what is wrong."""
    reading, writing = os.pipe()
    words = ["serve", "--state", str(state), "--scale", str(scale), "--engine", engine, "--ready", str(writing)]
    with (folder(state) / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "testbed", *words],
            cwd=Path(__file__).resolve().parent.parent,
            # aiohttp reads all certificates when it is imported, a tenth of the start; nothing here speaks TLS.
            env={**os.environ, "SSL_CERT_FILE": os.devnull},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[writing],
            start_new_session=True,
        )
    os.close(writing)
    with os.fdopen(reading) as pipe:
        if not select.select([pipe], [], [], STARTS_WITHIN)[0]:
            process.kill()
            process.wait()
            return f"the bed did not answer within {STARTS_WITHIN:.0f} s: see {folder(state) / 'server.log'}"
        said = pipe.read()  # nothing at all: it ended before it could say a word
    if said.startswith("ready"):
        return ""
    process.wait()
    return said.strip() or f"the bed ended at once: see {folder(state) / 'server.log'}"


def end(record: Record | None) -> bool:
    if record is None or not record.running():
        return False
    record.end(ENDS_WITHIN)
    return True


def stop(state: Path) -> int:
    if not state.exists():
        print("no bed runs")
        return 0
    with alone(state):
        record = Record.read(state)
        ended = end(record)
        remove_files(state)
    print(f"the bed at {record.endpoint} is stopped" if ended and record else "no bed runs")
    return 0


def status(state: Path) -> int:
    record = Record.read(state)
    if record is None or not record.running():
        print("no bed runs")
        return NOT_RUNNING
    print(f"endpoint  {record.endpoint}")
    print(f"slot      {record.slot} (load balancers and tasks on {record.net}.0.0/16)")
    print(f"scale     {record.scale} (an AWS second takes {record.scale} s)")
    print(f"engine    {record.engine}")
    print("services  ecs, elbv2, cloudformation and application-autoscaling of its own; moto for every other one")
    print(f"url       {record.url or 'no application is set up'}")
    return 0 if answers(record) else NOT_RUNNING


def serve(state: Path, scale: float, engine: str, ready: int | None) -> int:
    gc.disable()  # what is imported is no garbage: looking for it takes a tenth of the start
    from .serving import serve as run  # moto's imports take half a second: start, stop and status do without

    gc.freeze()
    gc.enable()

    def say(problem: str) -> None:
        text = problem or "ready"
        if ready is None:
            print(text, file=sys.stderr)
        else:
            with os.fdopen(ready, "w") as pipe:
                pipe.write(text)

    return run(state, scale, engine, say)


def positive(text: str) -> float:
    value = float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError("must be above 0")
    return value


def main() -> int:
    parser = argparse.ArgumentParser(prog="testbed", description="The test bed: AWS for Steady, on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("start", "start a bed in the first free slot; returns when it answers"),
        ("stop", "stop it; nothing is left"),
        ("status", "say where it answers; exit status 3 when none runs"),
        ("serve", "the server process itself"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("--state", type=Path, default=Path(".state"), help="folder of bed.json (.state)")
        if name in ("start", "serve"):
            command.add_argument("--scale", type=positive, default=0.1, help="real seconds of one AWS second (0.1)")
            command.add_argument("--engine", choices=("processes", "none"), default="processes")
        if name == "serve":
            command.add_argument("--ready", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if sys.platform != "linux":
        print("the test bed runs on Linux only: it needs all of 127.0.0.0/8", file=sys.stderr)
        return 1
    state = options.state.resolve()
    if options.command == "start":
        return start(state, options.scale, options.engine)
    if options.command == "stop":
        return stop(state)
    if options.command == "status":
        return status(state)
    return serve(state, options.scale, options.engine, options.ready)


if __name__ == "__main__":
    sys.exit(main())
