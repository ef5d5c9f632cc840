"""The report's facts and their page: what is in it, and what foreign text cannot do to it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.steady.ecs.plugins.module_utils.rules import intent, records, release, report, report_markdown

ACCOUNT, REGION = "640080112933", "us-east-1"
FAMILY = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/web"
GROUP = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/web/6cd8923ffc120347"
BALANCER = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/app/alb/50dc6c495c0c9188"
IDENTITY = records.Identity(ACCOUNT, REGION, "production", "web")
DURATION = "stickiness.lb_cookie.duration_seconds"
LIVE = {
    "task_definition": f"{FAMILY}:74",
    "deployment": "ecs-svc/1",
    "settings": {"healthCheckGracePeriodSeconds": 30},
    "running": 2,
    "desired": 3,
    "attributes": {GROUP: {DURATION: "3600"}},
}
NOTHING: dict[str, Any] = {
    **dict.fromkeys(("differences", "checks", "cause", "timeline", "traffic")),
    "endpoints": ["https://example.com/health"],
}
RESTORED = {
    "seq": 1,
    "kind": "baseline",
    "proven": False,
    "task_definition": f"{FAMILY}:74",
    "attributes": {GROUP: {DURATION: "3600"}},
    "settings": {},
    "force": False,
    "command": "ansible-playbook rollback.yml",
    "commands": ["aws ecs update-service", "aws ecs wait services-stable"],
    "left": ["tags.team"],
}


def record(
    outcome: str = "proven", count: int = 4, revision: int = 75, more: Any = None, **result: Any
) -> dict[str, Any]:
    changes = {"containers": {"coral": {"environment": {"CORAL_SESSIONS": None, **(more or {})}}}}
    settings = {"healthCheckGracePeriodSeconds": 60, "desiredCount": count}
    made = intent.intent(f"{FAMILY}:74", changes, {}, {}, settings, {GROUP: {DURATION: "86400"}})
    request = release.Request(IDENTITY, "deploy", made, {"who": "ada", "why": "longer | sessions"}, "nonce")
    opening = release.opening(records.new_head(), {}, request, LIVE, "2025-11-27T10:00:00Z")
    steps = {"task_definition": f"{FAMILY}:{revision}", "registered": True, "deployment": "ecs-svc/2"}
    applied = release.step(opening.record, steps, "2025-11-27T10:01:00Z")
    result = {"duration_seconds": 600.0, **result}
    return release.closing(records.new_head(), applied, outcome, result, "2025-11-27T10:10:00Z")[0].document


def facts(balancers: list[str] | None = None) -> dict[str, Any]:
    service = {"status": "ACTIVE", "desiredCount": 3, "runningCount": 3, "taskDefinition": f"{FAMILY}:75"}
    log = {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/web"}}
    definition = {"containerDefinitions": [{"name": "coral", "logConfiguration": log}, {"name": "agent-1"}]}
    arns = [BALANCER] if balancers is None else balancers
    group = {"TargetGroupArn": GROUP, "TargetGroupName": "web", "LoadBalancerArns": arns}
    return report.facts(service, definition, [group], {GROUP: ["healthy", "healthy", "draining"]})


def page(made: dict[str, Any] | None = None, **results: Any) -> str:
    return report_markdown.markdown(report.report(made or record(), facts(), {**NOTHING, **results}, RESTORED))


def test_what_changed_is_in_the_order_of_the_release() -> None:
    made = report.report(record(), facts(), NOTHING, RESTORED)
    assert [(each["property"], each["before"], each["after"]) for each in made["changes"]] == [
        (DURATION, "3600", "86400"),
        ("containerDefinitions[coral].environment[CORAL_SESSIONS]", "not recorded", "not recorded"),
        ("taskDefinition", f"{FAMILY}:74", f"{FAMILY}:75"),
        ("healthCheckGracePeriodSeconds", 30, 60),
        ("desiredCount", 3, 4),
    ]


def test_the_run_s_differences_bring_the_values_that_may_be_shown() -> None:
    path = "containerDefinitions[coral].environment[CORAL_SESSIONS]"
    differences = [
        {"resource": "task definition", "path": path, "expected": None, "actual": "pool-0"},
        {"resource": "target group web", "path": DURATION, "expected": "86400", "actual": "3600"},
    ]
    text = page(differences=differences)
    assert f"| task definition | `{path}` | `pool-0` | removed |" in text
    assert text.count(f"`{DURATION}` | `3600` | `86400`") == 1


def test_facts_are_those_of_the_service() -> None:
    found = facts()
    assert "2 of 2, 1 of earlier tasks draining" in page()
    assert (found["containers"], found["log_groups"]) == (["coral", "agent-1"], ["/ecs/web"])
    assert found["target_groups"] == [
        {
            "name": "web",
            "arn": GROUP,
            "dimension": "targetgroup/web/6cd8923ffc120347",
            "load_balancers": ["app/alb/50dc6c495c0c9188"],
            "targets": 2,
            "healthy": 2,
            "draining": 1,
        }
    ]


def test_alarms_are_on_metrics_that_exist() -> None:
    alarms = report.monitoring(record(), facts(), [])["alarms"]
    assert [each["metric"] for each in alarms] == [
        "UnHealthyHostCount",
        "HealthyHostCount",
        "HTTPCode_Target_5XX_Count",
    ]
    assert alarms[1]["condition"].startswith("< 3")
    assert alarms[0]["dimensions"] == {
        "LoadBalancer": "app/alb/50dc6c495c0c9188",
        "TargetGroup": "targetgroup/web/6cd8923ffc120347",
    }
    assert "HealthCheckStatus" not in page()
    assert report.monitoring(record(), facts(balancers=[]), [])["alarms"] == []


def test_a_release_without_a_way_back_says_so() -> None:
    text = report_markdown.markdown(report.report(record(), facts(), NOTHING, None))
    assert "nothing to go back to" in text


def test_what_the_commands_leave_is_said() -> None:
    assert (
        "    aws ecs update-service\n    aws ecs wait services-stable\n\nThese commands leave as they are: tags.team."
        in page()
    )
    assert "By hand" not in report_markdown.markdown(
        report.report(record(), facts(), NOTHING, {**RESTORED, "commands": [], "left": []})
    )


def test_what_a_run_that_goes_on_finds_live_is_a_change_of_the_release_too() -> None:
    path = "containerDefinitions[coral].environment[CORAL_SESSIONS]"
    assert f"| task definition | `{path}` | not recorded | not recorded |" in page(differences=[])


def test_what_was_so_before_is_no_change_though_it_is_declared() -> None:
    path = "containerDefinitions[coral].environment"
    found = [{"resource": "task definition", "path": f"{path}[CORAL_SESSIONS]", "expected": "a", "actual": "b"}]
    made = record(more={"MODE": "calm"}, count=3)
    told = {
        each["property"]: (each["before"], each["after"])
        for each in report.report(made, facts(), {**NOTHING, "differences": found}, RESTORED)["changes"]
    }
    assert told[f"{path}[CORAL_SESSIONS]"] == ("b", "a")
    assert f"{path}[MODE]" not in told, "the run compared it, and it did not differ"
    assert "desiredCount" not in told, "2 of 3 ran"
    for differences in (None, []):
        assert path not in page(record(revision=74), differences=differences), "no other revision has other content"


def test_what_is_set_for_the_first_time_is_a_change_too() -> None:
    """Of a group that the release has attached nobody knows what it had before."""
    other = GROUP.replace("/web/", "/canary/")
    settings = {"availabilityZoneRebalancing": "ENABLED", "healthCheckGracePeriodSeconds": 60}
    made = intent.intent(
        f"{FAMILY}:74", {}, {}, {}, settings, {GROUP: {"stickiness.type": "lb_cookie"}, other: {DURATION: "60"}}
    )
    request = release.Request(IDENTITY, "deploy", made, {"who": "ada"}, "nonce")
    opened = release.opening(records.new_head(), {}, request, LIVE, "2025-11-27T10:00:00Z").record
    found = report.report(opened, facts(), NOTHING, None)["changes"]
    assert [(each["resource"], each["property"], each["before"], each["after"]) for each in found] == [
        ("target group canary", DURATION, "not recorded", "60"),
        ("target group web", "stickiness.type", None, "lb_cookie"),
        ("service", "healthCheckGracePeriodSeconds", 30, 60),
        ("service", "availabilityZoneRebalancing", None, "ENABLED"),
    ]


def test_traffic_is_counted_or_said_not_to_be() -> None:
    assert "Requests were not counted" in page()
    text = page(traffic={"requests": 1834, "failed": 0, "lost_messages": 0, "p99": "many", "first_failures": ["a|b"]})
    assert "| Requests served | 1834 |" in text and "| Requests failed | 0 |" in text
    assert "99th" not in text
    assert "- a\\|b" in text


def test_each_check_is_a_row() -> None:
    checks = [
        {"name": "tasks", "expected": 3, "found": 3, "ok": True},
        {"name": "targets", "expected": 3, "found": 2, "ok": False, "remedy": "wait"},
        {"name": "sticky", "expected": "one task", "found": None, "ok": None, "reason": "no identity is declared"},
    ]
    text = page(checks=checks)
    assert "| tasks | 3 | 3 | passed |" in text
    assert "| targets | 3 | 2 | FAILED |" in text
    assert "| sticky | one task | no identity is declared | not checked |" in text
    kept = record(checks=intent.recorded_checks(checks))
    assert "expected 3, found 2 | FAILED" in page(kept)


def test_a_failure_shows_its_cause_and_that_it_was_put_back() -> None:
    cause = {"container": "coral", "exit_code": 137, "meaning": None, "log_lines": ["out of\x1b[31m memory", "`x`"]}
    text = page(record("failed_rolled_back"), cause=cause)
    assert "# Release 2 of web: failed and rolled back" in text
    assert "It was put back, except what the reason above leaves out" in text
    assert "Nothing is to be done: this release was put back to release 1." in text
    assert "By hand" not in text and "web:75, and none is replaced" in text
    assert "| exit code | 137 |" in text and "meaning" not in text
    assert "    out of memory\n    `x`" in text


@pytest.mark.parametrize(
    "hostile",
    [
        "a | b |\n| c",
        "<script>alert(1)</script>",
        "[click](http://evil.example)",
        "![x](http://evil.example/x.png)",
        "https://evil.example",
        "`code` # title",
        "@everyone &lt;",
        "line\n\n# heading",
        "\x1b]8;;http://evil.example\x07link",
    ],
)
def test_foreign_text_stays_text(hostile: str) -> None:
    plain_lines = page().count("\n")
    text = page(record(reason=hostile))
    row = next(line for line in text.splitlines() if line.startswith("| Reason |"))
    assert text.count("\n") == plain_lines + 1, "no line of its own"
    cells = [part for part in row.replace("\\|", "").split("|") if part.strip()]
    assert len(cells) == 2, "no cell of its own"
    unescaped = re.sub(r"\\.", "", row)
    for active in ("<", "[", "`", "://", "@e", "#", "\x1b"):
        assert active not in unescaped.replace("&#47;", ""), active


def test_a_long_text_is_cut() -> None:
    assert len(report_markdown.escaped("x" * 10_000)) == report_markdown.LONGEST_CELL


def test_on_what_grounds_it_was_made_is_in_the_report() -> None:
    made = record(images={"app": f"app:latest@sha256:{'1' * 64}"})
    made["audit"].update(
        inventory_commit="0e1f2d3c", inventory_dirty=True, approved_by="ada", window_override="the shop is down",
        promoted_from="s3://a/b/releases/41",
    )  # fmt: skip
    text = page(made)
    for words in (
        *("0e1f2d3c, with changes that are not committed", "ada (recorded, not enforced)", "the shop is down"),
        *("s3://a/b/releases/41", f"app:latest@sha256:{'1' * 64}"),
    ):
        assert words in text
    assert "Approved by" not in page()
    of_old = page({**made, "kind": records.BASELINE})
    assert not any(words in of_old for words in ("Approved by", "0e1f2d3c", "the shop is down", "s3://a/b")), (
        "older versions gave a baseline the grounds of the release after it"
    )
