"""What the role has written about the run: a report for people, the same facts and the outcome for scripts."""


def test_the_report_says_what_changed_and_what_was_found(world):
    text = (world.folder / "report/report.md").read_text(encoding="utf-8")
    for part in (
        "Users stay on their task for an hour",
        "stickiness.lb_cookie.duration_seconds",
        "86400",
        "3600",
        world.revision(),
        "rollback",
    ):
        assert part in text, f"the report says nothing of {part}"


def test_the_facts_are_those_of_the_world(world):
    facts = world.written("report/report.json")
    assert facts["service"]["service"] == world.name
    assert facts["service"]["running"] == len(world.running())
    assert facts["service"]["task_definition"] == world.service()["taskDefinition"]
    group = facts["service"]["target_groups"][0]
    assert (group["arn"], group["healthy"]) == (world.group(), list(world.targets().values()).count("healthy"))


def test_the_outcome_is_on_file_for_scripts(world):
    found = world.written("outcome.json")
    assert found["outcome"] == "unchanged", "the second run, idempotence, had nothing to do"
    assert world.written("report/report.json")["release"]["outcome"] == "proven"


def test_a_rescued_failure_still_ends_as_one_with_its_cause_last(world):
    run = world.play("refused.yml")
    assert run.status == 2, run.text
    assert "stickyness.enabled" in run.text[run.text.rindex("outcome: error") :]
    assert world.written("outcome.json")["outcome"] == "error"
    assert world.attributes()["stickiness.enabled"] == "true"
