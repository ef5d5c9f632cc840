"""The kinds: each one way in which a deployment can go, provoked on the bed, whoever deploys.

A kind says what is declared, how the world is before, what others do meanwhile, and what is true in the end. The order
is the order of docs/verdicts.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.verdicts.acts import (
    Act,
    Json,
    alarmed,
    back_by_hand,
    breaker,
    changed,
    code_deploy,
    delete_the_secret,
    external,
    instances,
    logs_unseen,
    missing_secret,
    more_room,
    needing_a_secret,
    never_completed,
    nobody_forwards,
    once,
    pausing,
    ring,
    scale,
    secret_without_key,
    service,
    somebody_deploys,
    stop,
    stop_a_task,
    supersede,
    variables,
)
from tests.verdicts.stage import Stage, env

PROVEN, BACK, FAILED, ERROR = "proven", "failed_rolled_back", "failed", "error"
REFUSED = "refused"


@dataclass(frozen=True)
class Kind:
    """One way in which a deployment can go."""

    name: str
    title: str
    """One sentence for people."""
    changes: Callable[[Stage], Json]
    """What is declared: `container` (fields of containerDefinitions[app]; of environment and secrets the named items),
    `containers` (the same by name), `definition` (fields of the task definition), `settings` (of UpdateService)."""
    before: Act
    meanwhile: Act | None
    """What others do while the deployment is on its way, in a thread."""
    succeeds: bool
    """The truth: whether what is declared is what serves in the end."""
    verdict: str
    outcome: str
    cause: str
    """A regular expression that the last word must match."""
    declared: Callable[[Stage], Json] = lambda stage: {}
    """Variables of Steady's inventory over the usual ones."""
    playbook: str = "deploy.yml"
    harms: str = ""
    """Why users of the old version are harmed, whoever deploys; empty: they are not, and that is asserted."""
    daily: bool = False
    """Whether `./steady test` plays it every day."""
    chapter: str = "The application"


HEALTHY = service()
PATIENT = service(healthCheckGracePeriodSeconds=600)
"""The same, whose new tasks may take their time."""
PAIR = service(count=2, healthCheckGracePeriodSeconds=600)
GOOD = variables(RELEASE="2")
"""A change that does no harm."""


APPLICATION = (
    Kind(
        "exits_at_start", "The server ends at its start with an exit code of its own.",
        variables(CRASH_AT_START="3"), PATIENT, None, False,
        "rolled_back", BACK, r"ontainer app \(.*\) exited with code 3.*password authentication failed", daily=True,
    ),
    Kind(
        "exits_with_zero", "The server ends at its start with exit code 0, as a script does that is over.",
        variables(CRASH_AT_START="0"), HEALTHY, None, False,
        "rolled_back", BACK, r"ontainer app .* exited with code 0: it ended by itself",
    ),
    Kind(
        "crashes_after_a_while", "All is healthy, ECS counts the deployment as complete, then the server crashes.",
        variables(CRASH_AFTER="9"), HEALTHY, None, False,
        "failed", BACK, r"the deployment counts as complete.*ontainer app .* exited with code 137",
        declared=changed(rollout_stable_seconds=15), harms="the crash takes requests with it, before anybody can know",
    ),
    Kind(
        "crashes_without_breaker", "The server ends at its start, and no circuit breaker is configured.",
        variables(CRASH_AT_START="1"), service(**breaker(False, False)), None, False,
        "failed", BACK, r"no circuit breaker is configured.*ontainer app .* exited with code 1",
    ),
    Kind(
        "crashes_breaker_without_rollback", "The server ends at its start; the circuit breaker may not roll back.",
        variables(CRASH_AT_START="1"), service(**breaker(True, False)), None, False,
        "failed", BACK, r"not rolled back, for that is not configured.*ontainer app .* exited with code 1",
    ),
    Kind(
        "sidecar_dies", "An essential sidecar ends at its start; the server itself is well.",
        changed(containers={"agent-2": env(CRASH_AT_START="4")}), HEALTHY, None, False,
        "rolled_back", BACK, r"ontainer agent-2 .* exited with code 4",
    ),
    Kind(
        "sidecar_ends_by_design", "A container that is not essential does its work and ends: no failure.",
        GOOD, service(changes={"containers": {"agent-3": {
            "image": "pardon/agent:v1", "essential": False, **env(CRASH_AT_START="0")}}}),
        None, True, "succeeded", PROVEN, r"3/3 healthy",
    ),
    Kind(
        "one_task", "The server of a service with a single task ends at its start.",
        variables(CRASH_AT_START="3"), service(count=1), None, False,
        "rolled_back", BACK, r"exited with code 3",
    ),
    Kind(
        "slow_but_well", "The server needs most of its grace period to start: no failure.",
        variables(SLOW_START="2"), PAIR, None, True, "succeeded", PROVEN, r"2/2 healthy",
    ),
)  # fmt: skip

HEALTH = (
    Kind(
        "health_wrong_code", "The health check answers 503.",
        variables(NEVER_HEALTHY="1"), HEALTHY, None, False,
        "rolled_back", BACK, r"ELB health checks.*codes: \[503\]", chapter="Health",
    ),
    Kind(
        "health_wrong_path", "The new version has no page where the health check looks: 404.",
        variables(NEVER_HEALTHY="404"), HEALTHY, None, False,
        "rolled_back", BACK, r"ELB health checks.*codes: \[404\]", chapter="Health",
    ),
    Kind(
        "health_wrong_port", "The new version listens on another port.",
        variables(WRONG_PORT="5556"), HEALTHY, None, False,
        "rolled_back", BACK, r"ELB health checks.*Target.FailedHealthChecks", chapter="Health",
    ),
    Kind(
        "health_timeout", "The health check gets no answer in time.",
        variables(SLOW_HEALTH="6"), HEALTHY, None, False,
        "rolled_back", BACK, r"ELB health checks.*(Request timed out|Target.Timeout)", chapter="Health",
    ),
    Kind(
        "container_check_fails", "The container's own health check fails; the load balancer's is content.",
        changed(container={"healthCheck": {"command": ["CMD-SHELL", "exit 1"], "interval": 5, "retries": 2}}),
        HEALTHY, None, False, "rolled_back", BACK, r"failed container health checks", chapter="Health",
    ),
    Kind(
        "never_healthy_long_grace", "The new tasks never get healthy within a long grace period; nobody counts that.",
        variables(NEVER_HEALTHY="1"), service(healthCheckGracePeriodSeconds=3600), None, False,
        "unknown", "interrupted", r"not finished: 12 s have passed.*503", declared=changed(rollout_wait_timeout=12),
        chapter="Health",
    ),
    Kind(
        "wrong_content", "All tasks are healthy, and what users get is not what is declared to be right.",
        variables(CORAL_SESSIONS="other"), HEALTHY, None, False,
        "succeeded", BACK, r"sessions.*pool-0.*other", chapter="Health",
        declared=lambda stage: {"health_endpoints": [
            {"url": f"{stage.world.url}health", "path": "sessions[0]", "equals": "pool-0"}], "health_wait_timeout": 5},
    ),
    Kind(
        "endpoint_fails", "All tasks are healthy, and an address that users need answers 404.",
        GOOD, HEALTHY, None, False, "succeeded", BACK, r"api/reports.*404", chapter="Health",
        declared=lambda stage: {"health_endpoints": [f"{stage.world.url}api/reports"], "health_wait_timeout": 5},
    ),
)  # fmt: skip


LOGS = {"awslogs-group": "/nobody-made-it", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "web"}
NOWHERE = changed(container={"logConfiguration": {"logDriver": "awslogs", "options": LOGS}})
START = (
    Kind(
        "image_missing", "The image is not in its registry.",
        changed(container={"image": "nobody/pushed-it:v2"}), HEALTHY, None, False,
        "rolled_back", BACK, r"image cannot be pulled.*CannotPullContainerError.*not found", daily=True,
        chapter="What a task needs to start",
    ),
    Kind(
        "image_cannot_start", "The image's command is not in it.",
        changed(container={"image": "steady/broken:v1"}),
        lambda stage: (
            stage.bed.admin("PUT", "/_bed/images", {"steady/broken": {"command": ["/nobody/there"]}}),
            stage.create(),
        )[1],
        None, False, "rolled_back", BACK, r"exited with code 127|CannotStartContainerError",
        chapter="What a task needs to start",
    ),
    Kind(
        "secret_missing", "A secret of Secrets Manager is deleted.",
        once(missing_secret), HEALTHY, None, False,
        REFUSED, ERROR, r"secret .*it is gone.*ResourceInitializationError", chapter="What a task needs to start",
    ),
    Kind(
        "secret_without_key", "A secret is there and lacks the JSON key that is wanted of it.",
        once(secret_without_key), HEALTHY, None, False,
        "rolled_back", BACK, r"did not contain json key password", chapter="What a task needs to start",
    ),
    Kind(
        "parameter_missing", "A parameter of the Parameter Store does not exist.",
        changed(container={"secrets": [{"name": "PASSWORD", "valueFrom": "/web/nobody-made-it"}]}), HEALTHY, None,
        False, REFUSED, ERROR, r"Nothing was changed. secret /web/nobody-made-it.*ResourceInitializationError",
        chapter="What a task needs to start",
    ),
    Kind(
        "log_group_missing", "The log group does not exist.",
        NOWHERE, HEALTHY, None, False,
        REFUSED, ERROR, r"Nothing was changed. log group /nobody-made-it: expected there, found it is gone",
        chapter="What a task needs to start",
    ),
    Kind(
        "log_group_unseen", "The log group does not exist, and whoever deploys may not look at log groups.",
        NOWHERE, logs_unseen, None, False,
        "rolled_back", BACK, r"failed to validate logger args.*CreateLogStream", chapter="What a task needs to start",
    ),
)  # fmt: skip


ECS = (
    Kind(
        "alarm_rolls_back", "An alarm of CloudWatch rings, and ECS rolls back.",
        variables(SLOW_START="1"), alarmed(True), ring, False,
        "rolled_back", BACK, r"alarm", chapter="What ECS does",
    ),
    Kind(
        "alarm_without_rollback", "An alarm of CloudWatch rings, and ECS may not roll back.",
        variables(SLOW_START="1"), alarmed(False), ring, False,
        "failed", BACK, r"alarm.*not rolled back, for that is not configured", chapter="What ECS does",
    ),
    Kind(
        "first_deployment_ever", "No deployment of the service was ever complete, and this one fails too.",
        variables(CRASH_AT_START="3"), never_completed, None, False,
        "failed", FAILED, r"exited with code 3", chapter="What ECS does",
        harms="nothing serves, before or after",
    ),
    Kind(
        "rollback_cannot_start", "What ECS rolls back to cannot start either, and it goes on trying.",
        changed(container={**env(CRASH_AT_START="3")}), needing_a_secret, delete_the_secret, False,
        "unknown", "interrupted", r"20 s have passed.*ECS rolls it back.*(ResourceInit|exited with code 3)",
        declared=changed(rollout_wait_timeout=20), chapter="What ECS does",
        harms="minimumHealthyPercent 0 ends all old tasks first",
    ),
)  # fmt: skip


ROOM, SHIFTS = "Memory and room", "Strategies that shift traffic"
UNSEEN = changed(rollout_wait_timeout=12)
WAITS = r"not finished: 12 s have passed.*stop-service-deployment.*Cause: "
CAPACITY = (
    Kind(
        "out_of_memory", "The server needs more memory than its container may have, and is killed for it.",
        changed(container={"memory": 64, **env(EATS_MEMORY="96")}), HEALTHY, None, False,
        "rolled_back", BACK, r"ontainer app .* exited with code 137: a container used more memory than its limit: "
        r"raise memory.*OutOfMemoryError: Container killed due to memory usage", chapter=ROOM,
    ),
    Kind(
        "no_memory_on_instances", "No instance of the cluster has the memory for one task more.",
        GOOD, instances(2, memory=700, seen=False), None, False,
        "unknown", "interrupted", WAITS + r"No instance has so much memory free: add an instance.*minimumHealthyPercent"
        r".*insufficient memory available", declared=UNSEEN, chapter=ROOM,
    ),
    Kind(
        "no_room_in_time", "No instance has room, and the end of the time is declared to be a failure.",
        GOOD, instances(2, memory=700, seen=False), None, False,
        "failed", BACK, r"12 s have passed.*No instance has so much memory free: add an instance",
        declared=changed(rollout_wait_timeout=12, rollout_fail_on_timeout=True), chapter=ROOM,
    ),
    Kind(
        "no_cpu_on_instances", "No instance of the cluster has the CPU units for one task more.",
        GOOD, instances(2, memory=2048, cpu=300, seen=False), None, False,
        "unknown", "interrupted", WAITS + r"No instance has so many CPU units free.*insufficient CPU units available",
        declared=UNSEEN, chapter=ROOM,
    ),
    Kind(
        "host_port_taken", "On each instance an old task has the host port that a new one needs.",
        GOOD, instances(2, memory=2048, seen=False, shared=True), None, False,
        "unknown", "interrupted", WAITS + r"The host port is taken on each instance.*hostPort 0.*minimumHealthyPercent"
        r".*already using a port required by your task", declared=UNSEEN, chapter=ROOM,
    ),
    Kind(
        "room_is_made", "There is no room at first; a colleague adds an instance, and ECS goes on: no failure.",
        GOOD, instances(2, memory=700, seen=False), more_room, True,
        "succeeded", PROVEN, r"2/2 healthy", chapter=ROOM,
    ),
)  # fmt: skip
SHIFTING = (
    Kind(
        "paused_by_a_hook", "A lifecycle hook pauses the deployment until a person has answered.",
        GOOD, pausing, None, False,
        "paused", "interrupted", r"is paused: it is paused at stage POST_TEST_TRAFFIC_SHIFT by hook ecs-pause-.*expires"
        r".*with ROLLBACK.*playbook continue \(continue.yml", chapter=SHIFTS,
    ),
)  # fmt: skip


SLOW = variables(SLOW_START="3")
"""Healthy, and long enough on its way for others to act."""
OTHERS = (
    Kind(
        "superseded", "A colleague deploys another revision meanwhile.",
        SLOW, PATIENT, supersede, False, "superseded", "superseded", r"took over.*Nothing is rolled back",
        chapter="Other people",
    ),
    Kind(
        "put_back_by_hand", "A colleague goes back to the old revision by hand meanwhile.",
        SLOW, PATIENT, back_by_hand, False, "superseded", "superseded", r"took over", chapter="Other people",
    ),
    Kind(
        "stopped_by_somebody", "A colleague stops the deployment (StopServiceDeployment), and ECS goes back.",
        SLOW, PATIENT, stop, False, "rolled_back", BACK, r"stopped by the user", chapter="Other people",
    ),
    Kind(
        "scaled_to_zero", "A colleague scales the service to 0 meanwhile.",
        SLOW, PATIENT, scale(0), False, "nothing_ran", FAILED, r"desired count is 0", chapter="Other people",
        harms="nothing serves a service of 0 tasks",
    ),
    Kind(
        "autoscaling_moves_the_goal", "Autoscaling sets the desired count to 5 and then to 4 meanwhile: no failure.",
        SLOW, PAIR, scale(5, 4), True, "succeeded", PROVEN, r"4/4 healthy", chapter="Other people",
    ),
    Kind(
        "a_task_is_stopped", "A colleague stops one of the new tasks, and ECS starts another: no failure.",
        SLOW, PAIR, stop_a_task, True, "succeeded", PROVEN, r"2/2 healthy", chapter="Other people",
    ),
)  # fmt: skip


BOTH_FULL = {"deploymentConfiguration": {"minimumHealthyPercent": 100, "maximumPercent": 100}}
HALVED = breaker(True, True, minimumHealthyPercent=50, maximumPercent=100)
WRONG = "Refused before anything changes"
REFUSALS = (
    Kind(
        "wrong_account", "The credentials are those of another account.",
        GOOD, HEALTHY, None, False, REFUSED, ERROR, r"account: expected 111122223333, found 000000000000",
        declared=changed(service_account="111122223333"), chapter=WRONG, daily=True,
    ),
    Kind(
        "wrong_region", "The Region is another one, where the cluster does not exist.",
        GOOD, HEALTHY, None, False, REFUSED, ERROR, r"no such cluster.*Correct service_cluster or service_region",
        declared=changed(service_region="eu-west-1"), chapter=WRONG,
    ),
    Kind(
        "cluster_missing", "There is no such cluster.",
        GOOD, HEALTHY, None, False, REFUSED, ERROR, r"no such cluster",
        declared=changed(service_cluster="nobody-made-it"), chapter=WRONG,
    ),
    Kind(
        "service_missing", "There is no such service.",
        GOOD, HEALTHY, None, False, REFUSED, ERROR, r"no active service nobody-made-it",
        declared=changed(service_name="nobody-made-it"), chapter=WRONG,
    ),
    Kind(
        "group_without_rule", "No listener rule forwards to the service's target group.",
        GOOD, nobody_forwards, None, False, REFUSED, ERROR, r"no listener rule forwards to it",
        chapter=WRONG, harms="users are sent elsewhere before anybody deploys",
    ),
    Kind(
        "unknown_container", "A container is named that the task definition does not have.",
        changed(containers={"sever": env(RELEASE="2")}), HEALTHY, None, False, REFUSED, ERROR, r"sever", chapter=WRONG,
    ),
    Kind(
        "contradictory_settings", "minimumHealthyPercent and maximumPercent leave no room to replace a task.",
        changed(container=env(RELEASE="2"), settings=BOTH_FULL), HEALTHY, None, False, REFUSED, ERROR,
        r"100", chapter=WRONG,
    ),
    Kind(
        "scaled_to_zero_before", "The service is scaled to 0, so a deployment would run nothing.",
        GOOD, service(count=0), None, False, REFUSED, ERROR, r"scaled to 0", chapter=WRONG,
        harms="nothing serves a service of 0 tasks",
    ),
    Kind(
        "somebody_deploys", "A colleague's deployment of something else is on its way.",
        GOOD, somebody_deploys, None, False, REFUSED, ERROR, r"Somebody is deploying something else", chapter=WRONG,
    ),
    Kind(
        "no_room_on_instances", "No instance has room for one task more, and no old task may be stopped first.",
        GOOD, instances(2, memory=700), None, False, REFUSED, ERROR,
        r"room for a new task.*188 of 512 MiB are free.*minimumHealthyPercent below 100", chapter=WRONG,
    ),
    Kind(
        "too_large_for_any_instance", "No instance could hold the new task, even if the old ones were stopped first.",
        changed(definition={"memory": "1024"}), instances(2, memory=700, **HALVED), None, False, REFUSED, ERROR,
        r"room for a new task.*700 of 1024 MiB are there.*Let the task ask for less", chapter=WRONG,
    ),
    Kind(
        "no_host_port", "Each instance has an old task with the host port, and none may be stopped first.",
        GOOD, instances(2, memory=2048, shared=True), None, False, REFUSED, ERROR,
        r"room for a new task.*host port 5555 is taken.*minimumHealthyPercent below 100", chapter=WRONG,
    ),
    Kind(
        "code_deploy", "The service is deployed by CodeDeploy.",
        GOOD, code_deploy, None, False, REFUSED, ERROR,
        r"deployment controller: expected ECS, found CODE_DEPLOY. Deploy it with AWS CodeDeploy", chapter=WRONG,
    ),
    Kind(
        "external_controller", "The service's task sets are made by another tool.",
        GOOD, external, None, False, REFUSED, ERROR,
        r"deployment controller.*EXTERNAL. Deploy it with the tool that makes its task sets", chapter=WRONG,
        harms="nothing runs before its own tool makes a task set",
    ),
)  # fmt: skip

KINDS: tuple[Kind, ...] = (*APPLICATION, *HEALTH, *START, *CAPACITY, *ECS, *SHIFTING, *OTHERS, *REFUSALS)
BY_NAME = {kind.name: kind for kind in KINDS}
