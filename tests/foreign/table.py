"""docs/comparison.md from what the clients said: `python -m tests.foreign.table`, after all of tests/foreign."""

import json
import re
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.foreign.clients import FOREIGN, MAIN, ROOT
from tests.verdicts import parts
from tests.verdicts.kinds import KINDS, ROOM, SHIFTS, Kind

RESULTS, PAGE, WORDS = ROOT / ".state/foreign", ROOT / "docs/comparison.md", Path(__file__).parent / "comparison.md"
STEADY = "steady"
TITLES = {
    "aws_cli": "AWS CLI",
    "ecs_deploy": "ecs-deploy",
    "community_aws": "community.aws, looped",
    STEADY: "Steady",
}
OWN = ("tests/foreign/clients.py", "tests/foreign/community.yml", "tests/foreign/test_kinds.py")
"""What a row depends on besides what a verdict does."""
LEFT_OUT = {
    "image_cannot_start": "how ECS ends such a task depends on the form of its command, and with it what is read",
    "container_check_fails": "to the others it is health_wrong_code: a task that was well is stopped and replaced",
    "log_group_unseen": "to the others it is log_group_missing",
    "out_of_memory": "to the others it is exits_at_start with code 137: the container ends",
    "no_room_in_time": "to the others it is no_memory_on_instances: only Steady is told what the end of the time means",
    "wrong_content": "only an endpoint that is declared to Steady makes it a failure",
    "endpoint_fails": "only an endpoint that is declared to Steady makes it a failure",
}
CAUSES = {
    "The application": r"(?i)exit(ed)? (code|with)|code \d",
    "Health": r"(?i)health check|\b(503|404)\b|Target\.",
    "What a task needs to start": r"(?i)Cannot(Pull|Start)|ResourceInitialization|exited with|secret|logger|log group",
    "What ECS does": r"(?i)alarm|exited with|secret",
    ROOM: r"(?i)insufficient|port required|unable to place",
    SHIFTS: r"(?i)paused|hook",
    "Other people": r"(?i)took over|superseded|stopped by the user|desired count is 0",
}
"""What counts as a named cause for anybody: the fact itself, in whatever words. By the chapters that are compared: what
is wrong with a declaration itself is not, for it is not the others' to know."""
COMPARED = [kind for kind in KINDS if kind.chapter in CAUSES and kind.name not in LEFT_OUT]

ECHO = r"(PLAY|TASK|Duration|arn:|ecs-svc/|\d{4}-\d\d-\d\d )"
"""Beginnings of lines that say nothing of the deployment."""


@dataclass(frozen=True)
class Row:
    """What one client said of one kind, and what serves afterwards."""

    kind: str
    client: str
    status: int
    seconds: int
    cause: bool
    last: str
    serves: dict[str, int]


Rows = dict[tuple[str, str], Row]


def said(client: str, text: str) -> str:
    """What it printed about the deployment, without the echo of what was asked of it."""
    return text.partition("Deploying new task definition")[2] or text if client == "ecs_deploy" else text


def named(kind: Kind, client: str, text: str) -> bool:
    """Whether a reader of the output learns why it failed."""
    return re.search(CAUSES[kind.chapter], said(client, text)) is not None


def last_words(client: str, text: str) -> str:
    """The last two lines that say something, without addresses and dates."""
    lines = [line.strip() for line in said(client, text).splitlines() if line.strip(" .")]
    lines = [line for line in lines if not re.match(ECHO, line)] or ["(nothing)"]
    found = " / ".join(lines[-2:] if client == "ecs_deploy" else lines[-1:])
    found = re.sub(r"conf-[0-9a-f]{8}", "web", re.sub(r"\s+", " ", found))
    found = re.sub(r"ecs-svc/\d+", "ecs-svc/ID", re.sub(r"\b127(\.\d+){3}(:\d+)?", "ADDRESS", found))
    found = re.sub(r"\b[0-9a-f]{32}\b", "ID", found)
    return found if len(found) < 400 else f"{found[:397]}..."


def rows() -> Rows:
    """All that was written of this code, by kind and client."""
    kept = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("*.json"))]
    found = [Row(**{key: each[key] for key in each if key != "code"}) for each in kept if each["code"] == code()]
    return {(row.kind, row.client): row for row in found}


def keep(row: Row) -> None:
    """For the page."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    text = json.dumps({**asdict(row), "code": code()}, indent=1) + "\n"
    (RESULTS / f"{row.kind}.{row.client}.json").write_text(text, encoding="utf-8")


def code() -> str:
    """Of what this is: rows of other code are none."""
    return parts.here(*OWN)


def judged(kind: Kind, row: Row) -> str:
    """One of the words of the table."""
    if row.status == 0:
        return "success" if kind.succeeds else "FALSE SUCCESS"
    if kind.succeeds:
        return "FALSE FAILURE"
    return "failure, cause" if row.cause else "failure"


def serving(row: Row) -> str:
    """What serves in the end, in words."""
    revision, healthy, desired = (row.serves[name] for name in ("revision", "healthy", "desired"))
    which = {0: "nothing", 1: "the old revision", 2: "the new revision"}.get(revision, "somebody else's revision")
    return f"{which}, {healthy} of {desired}" if revision else f"nothing of {desired}"


def versions() -> dict[str, str]:
    """Of what was installed."""
    found: dict[str, str] = {}
    for name in ("awscli", "ecs_deploy", "botocore"):
        [place] = FOREIGN.glob(f"lib/python3*/site-packages/{name}-*.dist-info")
        found[name] = place.name.removesuffix(".dist-info").partition("-")[2]
    [manifest] = MAIN.glob("lib/python3*/site-packages/ansible_collections/community/aws/MANIFEST.json")
    found["community_aws"] = json.loads(manifest.read_text(encoding="utf-8"))["collection_info"]["version"]
    return found


def table(head: list[str], lines: list[list[str]]) -> str:
    """Markdown."""
    cells = [head, ["---"] * len(head), *([each.replace("|", "\\|") for each in line] for line in lines)]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def summary(kinds: list[Kind], found: Rows) -> str:
    """How often each was right, and how often not."""
    lines = []
    for client, title in TITLES.items():
        words = [judged(kind, found[kind.name, client]) for kind in kinds]
        false, refused = words.count("FALSE SUCCESS"), words.count("failure, cause") + words.count("failure")
        lines.append([
            title, f"**{false}**", str(words.count("FALSE FAILURE")), str(refused),
            str(words.count("failure, cause")), str(words.count("success")),
        ])  # fmt: skip
    fails = sum(not kind.succeeds for kind in kinds)
    head = [
        "", f"false successes of {fails}", f"false failures of {len(kinds) - fails}", "failures seen",
        "with their cause", "successes seen",
    ]  # fmt: skip
    return table(head, lines)


def overview(kinds: list[Kind], found: Rows) -> str:
    """A line a kind."""
    lines = []
    for kind in kinds:
        cells = []
        for client in TITLES:
            row = found[kind.name, client]
            word = judged(kind, row)
            cells.append(f"{f'**{word.lower()}**' if word.isupper() else word} ({row.status}; {row.seconds} s)")
        lines.append([f"[{kind.name}](#{kind.name})", "serves" if kind.succeeds else "does not serve", *cells])
    return table(["kind", "the new revision", *TITLES.values()], lines)


def details(kinds: list[Kind], found: Rows) -> str:
    """What each said last, kind by kind."""
    parts = []
    for kind in kinds:
        lines = [[title, serving(found[kind.name, client]), f"`` {found[kind.name, client].last} ``"]
                 for client, title in TITLES.items()]  # fmt: skip
        parts.append(f"### {kind.name}\n{kind.title}\n\n{table(['', 'serves in the end', 'its last words'], lines)}\n")
    return "\n".join(parts)


def page(kinds: list[Kind], found: Rows) -> str:
    """The whole page: words by hand (comparison.md beside this file), figures from the run."""
    rest = {kind.name: "not run yet" for kind in COMPARED if kind not in kinds}
    left = "\n".join(f"- `{name}`: {why}." for name, why in {**LEFT_OUT, **rest}.items())
    given: dict[str, Any] = {
        **versions(), "summary": summary(kinds, found), "overview": overview(kinds, found),
        "details": details(kinds, found), "left": left, "kinds": len(kinds),
    }  # fmt: skip
    return re.sub(r"\{\{ (\w+) \}\}", lambda match: str(given[match[1]]), WORDS.read_text(encoding="utf-8"))


def main(arguments: list[str]) -> int:
    """Write the page when every client has deployed every kind; --partial leaves out, by name, what is missing."""
    found = rows()
    missing = [f"{kind.name}.{client}" for kind in COMPARED for client in TITLES if (kind.name, client) not in found]
    if missing and arguments != ["--partial"]:
        sys.stderr.write(f"no page: {len(missing)} are missing, first {missing[0]}; run all of tests/foreign\n")
        shard = parts.shard()
        return 0 if shard and shard.count > 1 else 1
    kinds = [kind for kind in COMPARED if all((kind.name, client) in found for client in TITLES)]
    PAGE.write_text(page(kinds, found), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}: {len(kinds)} kinds, {len(TITLES)} clients\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
