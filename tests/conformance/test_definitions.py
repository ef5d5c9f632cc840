"""Task definitions that nobody thought of are accepted or refused as AWS's tables say.

The tables stand here a second time, copied from the pages and not from the bed: API_RegisterTaskDefinition,
API_ContainerDefinition and the types of their members; developer guide, "Task definition differences for Fargate"
(fargate-tasks-services.html). What the pages leave open or contradict each other in is not drawn: memory or CPU units
of all containers that are exactly the task's, tmpfs on Fargate.
"""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conformance.place import Place, accepted

pytestmark = pytest.mark.api

EASY = settings(max_examples=60, suppress_health_check=list(HealthCheck))
GIB = 1024
SIZES = {  # CPU units: memory in MiB; from 8192 units on "Linux platform 1.4.0 or later"
    256: {512, GIB, 2 * GIB},
    512: {n * GIB for n in range(1, 5)},
    1024: {n * GIB for n in range(2, 9)},
    2048: {n * GIB for n in range(4, 17)},
    4096: {n * GIB for n in range(8, 31)},
    8192: {n * GIB for n in range(16, 61, 4)},
    16384: {n * GIB for n in range(32, 121, 8)},
}
MEMORY = sorted({memory for sizes in SIZES.values() for memory in sizes})
LOGS = {"awslogs-group": "g", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p"}
SPLUNK = {"splunk-token": "t", "splunk-url": "https://splunk.internal"}
CHECK = {"command": ["CMD-SHELL", "true"]}
SECRET = {"name": "KEY", "valueFrom": "arn:aws:ssm:us-east-1:000000000000:parameter/key"}
EFS = {"fileSystemId": "fs-12345678"}
POINT = {"authorizationConfig": {"accessPointId": "fsap-1234567890abcdef0"}}
ENCRYPTED = {"transitEncryption": "ENABLED"}
DIGEST = "@sha256:" + "0123456789abcdef" * 4
Values = dict[str, tuple[list[Any], list[Any]]]


def log(driver: str, *without: str, **more: str) -> dict[str, Any]:
    options = {"awslogs": LOGS, "splunk": SPLUNK}.get(driver, {})
    kept = {key: value for key, value in options.items() if key not in without}
    return {"logDriver": driver, "options": {**kept, **{key.replace("_", "-"): value for key, value in more.items()}}}


def edges(member: str, low: int, high: int, **more: Any) -> tuple[list[Any], list[Any]]:
    """Of a number inside a structure: what is accepted, what is not."""
    return ([{**more, member: n} for n in (low, high)], [{**more, member: n} for n in (low - 1, high + 1)])


CHECKS = [edges(*each, **CHECK) for each in (("interval", 5, 300), ("timeout", 2, 60), ("retries", 1, 10))]
CHECKS += [edges("startPeriod", 0, 300, **CHECK)]
RESTARTS = edges("restartAttemptPeriod", 60, 1800, enabled=True)
OF_A_CONTAINER: Values = {  # members of a container on Fargate: values that are accepted, values that are not
    "disableNetworking": ([False], [True]),
    "dnsSearchDomains": ([[]], [["example.com"]]),
    "dnsServers": ([[]], [["10.0.0.2"]]),
    "dockerSecurityOptions": ([[]], [["no-new-privileges"]]),
    "environmentFiles": (
        [[{"type": "s3", "value": f"arn:aws:s3:::bucket/{n}.env"} for n in range(10)]],
        [
            [{"type": "s3", "value": "arn:aws:s3:::bucket/file.txt"}],
            [{"type": "s3", "value": f"arn:aws:s3:::bucket/{n}.env"} for n in range(11)],
        ],
    ),
    "extraHosts": ([[]], [[{"hostname": "db", "ipAddress": "10.0.0.3"}]]),
    "firelensConfiguration": (
        [{"type": "fluentbit", "options": {"config-file-type": "file", "config-file-value": "/extra.conf"}}],
        [{"type": "fluentbit", "options": {"config-file-type": "s3", "config-file-value": "arn:aws:s3:::bucket/c"}}],
    ),
    "healthCheck": (
        [CHECK, {"command": ["CMD", "true"]}, *(each for good, _ in CHECKS for each in good)],
        [{"command": []}, {"command": ["true"]}, *(each for _, bad in CHECKS for each in bad)],
    ),
    "hostname": ([], ["app"]),
    "image": (
        ["nginx", "000000000000.dkr.ecr.us-east-1.amazonaws.com/team/app:v1.2_3", f"quay.io/app{DIGEST}", "a" * 255],
        ["two words", "app:v1?", "a" * 256, f"app{DIGEST[:-1]}"],
    ),
    "links": ([[]], [["agent"]]),
    "linuxParameters": (
        [{"initProcessEnabled": True}, {"capabilities": {"add": ["SYS_PTRACE"], "drop": ["ALL"]}}],
        [
            {"capabilities": {"add": ["NET_ADMIN"]}},
            {"devices": [{"hostPath": "/dev/fuse"}]},
            *({member: 64} for member in ("maxSwap", "sharedMemorySize", "swappiness")),
        ],
    ),
    "logConfiguration": (
        [log("awslogs"), log("awslogs", mode="blocking"), log("splunk")],
        [
            *(log("awslogs", key) for key in LOGS),
            *(log("splunk", key) for key in SPLUNK),
            *(log(driver) for driver in ("json-file", "syslog", "journald", "gelf", "fluentd")),
            log("awslogs", mode="sometimes"),
            log("awslogs", awslogs_datetime_format="%Y", awslogs_multiline_pattern="x"),
        ],
    ),
    "memory": ([6, 511], [5, 513]),
    "mountPoints": (
        [[{"sourceVolume": "data", "containerPath": "/data"}]],
        [[{"sourceVolume": "nowhere", "containerPath": "/data"}]],
    ),
    "name": (["a" * 255, "A-b_1"], ["a" * 256, "a.b", "a b"]),
    "portMappings": (
        [[{"containerPort": 65535, "name": "a" * 64, "appProtocol": "http"}]],
        [[{"containerPort": 65536}], [{"containerPort": 80, "name": "a" * 65}], [{"containerPort": 80, "name": "-a"}]],
    ),
    "privileged": ([False], [True]),
    "resourceRequirements": ([[]], [[{"type": "GPU", "value": "1"}]]),
    "restartPolicy": (
        [*RESTARTS[0], {"enabled": True, "ignoredExitCodes": [*range(50)]}],
        [*RESTARTS[1], {"enabled": True, "ignoredExitCodes": [*range(51)]}],
    ),
    "startTimeout": ([2, 120], [1, 121]),
    "stopTimeout": ([2, 120], [1, 121]),
    "volumesFrom": ([[{"sourceContainer": "agent"}]], [[{"sourceContainer": "nowhere"}]]),
}
OF_A_TASK: Values = {
    "cpu": (["256", ".25 vCPU", ".25 vcpu"], ["0", "x", "1 vCPU", None]),
    "ephemeralStorage": edges("sizeInGiB", 21, 200),
    "ipcMode": ([], ["host", "task", "none"]),
    "memory": (["512", "1 GB", "1GB", "2048"], ["513", "x", "3 GB", None]),
    "networkMode": (["awsvpc"], ["bridge", "host", "none", None]),
    "pidMode": (["task"], ["host"]),
    "placementConstraints": ([[]], [[{"type": "memberOf", "expression": "attribute:ecs.os-type == linux"}]]),
    "volumes": (
        [
            [{"name": "data", "efsVolumeConfiguration": EFS}, {"name": "other", "host": {}}],
            [{"name": "data", "efsVolumeConfiguration": {**EFS, **POINT, **ENCRYPTED, "rootDirectory": "/"}}],
        ],
        [
            [{"name": "data", "host": {"sourcePath": "/data"}}],
            [{"name": "data", "dockerVolumeConfiguration": {"scope": "task"}}],
            [{"name": "data", "efsVolumeConfiguration": EFS, "configuredAtLaunch": True}],
            [{"name": "data", "configuredAtLaunch": True}, {"name": "more", "configuredAtLaunch": True}],
            [{"name": "data", "efsVolumeConfiguration": {**EFS, **POINT}}],
            [{"name": "data", "efsVolumeConfiguration": {**EFS, **POINT, **ENCRYPTED, "rootDirectory": "/data"}}],
            [{"name": "a.b", "host": {}}],
        ],
    ),
}
NETWORK, IPC = ([{"namespace": name, "value": "1"}] for name in ("net.ipv4.tcp_keepalive_time", "kernel.msgmax"))
HOSTS = [{"hostname": "db", "ipAddress": "10.0.0.3"}]
ON_EC2: list[tuple[dict[str, Any], dict[str, Any], bool]] = [  # of the task, of a container: whether it is accepted
    ({}, {"stopTimeout": 600, "privileged": True, "hostname": "app", "extraHosts": HOSTS, "links": ["agent"]}, True),
    ({}, {"logConfiguration": log("json-file")}, True),
    ({}, {"logConfiguration": log("awslogs", "awslogs-stream-prefix")}, True),
    ({}, {"logConfiguration": log("awslogs", "awslogs-group")}, False),
    ({}, {"portMappings": [{"containerPort": 80, "hostPort": 8080}, {"containerPort": 81}]}, True),
    ({}, {"linuxParameters": {"maxSwap": 0, "swappiness": 100}}, True),
    ({}, {"linuxParameters": {"maxSwap": 0, "swappiness": 101}}, False),
    ({"cpu": "128"}, {}, True),
    ({"cpu": "127"}, {}, False),
    ({"cpu": "196608"}, {}, True),
    ({"cpu": "196609"}, {}, False),
    ({"memory": "x"}, {}, False),
    ({"memory": None}, {}, False),
    ({"ipcMode": "host", "pidMode": "host"}, {"systemControls": NETWORK}, True),
    ({"ipcMode": "host"}, {"systemControls": IPC}, False),
    ({"networkMode": "host"}, {"systemControls": IPC}, True),
    ({"networkMode": "host"}, {"systemControls": NETWORK}, False),
    ({"networkMode": "host"}, {"portMappings": [{"containerPort": 80, "hostPort": 80}]}, True),
    ({"networkMode": "host"}, {"portMappings": [{"containerPort": 80, "hostPort": 81}]}, False),
    ({"networkMode": "host"}, {"links": ["agent"]}, False),
    ({"networkMode": "none"}, {}, True),
    ({"networkMode": "none"}, {"portMappings": [{"containerPort": 80}]}, False),
    ({"networkMode": "awsvpc"}, {"privileged": True}, True),
    ({"networkMode": "awsvpc"}, {"hostname": "app"}, False),
    ({"networkMode": "awsvpc"}, {"extraHosts": HOSTS}, False),
    ({"placementConstraints": [{"type": "memberOf", "expression": f"rack == {n}"} for n in range(10)]}, {}, True),
    ({"placementConstraints": [{"type": "memberOf", "expression": f"rack == {n}"} for n in range(11)]}, {}, False),
]

OTHER, IDLE = {"name": "other"}, {"name": "other", "essential": False}


def waits(condition: str, name: str = "other") -> dict[str, Any]:
    return {"name": "app", "dependsOn": [{"containerName": name, "condition": condition}]}


def maps(*ports: dict[str, Any], name: str = "app") -> dict[str, Any]:
    return {"name": name, "portMappings": [*ports]}


TCP, UDP = {"containerPort": 53}, {"containerPort": 53, "protocol": "udp"}
PAIRS: list[tuple[list[dict[str, Any]], bool]] = [  # containers of one task on Fargate: whether it is accepted
    ([{"name": "app"}, OTHER], True),
    ([{"name": "app"}, {"name": "app"}], False),
    ([{"name": "app", "essential": False}, IDLE], False),
    ([waits("START"), OTHER], True),
    ([waits("START", "app")], False),
    ([waits("START", "nowhere")], False),
    ([waits("START"), {**waits("START", "app"), **OTHER}], False),
    ([waits("COMPLETE"), IDLE], True),
    ([waits("COMPLETE"), OTHER], False),
    ([waits("SUCCESS"), IDLE], True),
    ([waits("SUCCESS"), OTHER], False),
    ([waits("HEALTHY"), {**OTHER, "healthCheck": CHECK}], True),
    ([waits("HEALTHY"), OTHER], False),
    ([{"name": "app", "memory": 300}, {**OTHER, "memory": 200}], True),
    ([{"name": "app", "memory": 300}, {**OTHER, "memory": 300}], False),
    ([{"name": "app", "memory": 300, "memoryReservation": 200}, {**OTHER, "memory": 300}], True),
    ([{"name": "app", "memory": 200, "memoryReservation": 300}], False),
    ([{"name": "app", "cpu": 100}, {**OTHER, "cpu": 150}], True),
    ([{"name": "app", "cpu": 150}, {**OTHER, "cpu": 150}], False),
    ([maps(TCP, {"containerPort": 80, "hostPort": 80}), maps(UDP, name="other")], True),
    ([maps(TCP, UDP)], False),
    ([maps(TCP), maps(TCP, name="other")], False),
    ([maps({"containerPort": 80, "hostPort": 81})], False),
    ([{"name": "app", "secrets": [SECRET]}], False),
    ([{"name": "app", "logConfiguration": log("awslogs")}], False),
]


def container(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "image": "nginx:1", **more}


def definition(place: Place, containers: list[dict[str, Any]], **more: Any) -> Any:
    size = {"cpu": "256", "memory": "512", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"]}
    body = {"family": place.name(), "containerDefinitions": containers, **size, **more}
    said = {key: value for key, value in body.items() if value is not None}

    def register() -> None:
        arn = place.ecs.register_task_definition(**said)["taskDefinition"]["taskDefinitionArn"]
        place.ecs.deregister_task_definition(taskDefinition=arn)

    return register


def two(place: Place, of_the_first: dict[str, Any], **more: Any) -> Any:
    """A registration of two containers, a role and a volume, which is good without what is given."""
    pair = [container(**{"name": "app", **of_the_first}), container("agent", essential=False)]
    return definition(place, pair, **{"executionRoleArn": place.role, "volumes": [{"name": "data"}], **more})


@pytest.mark.parametrize("cpu", SIZES)
def test_each_pair_of_cpu_and_memory(place: Place, cpu: int) -> None:
    """Guide, fargate-tasks-services, task CPU and memory."""
    for memory in MEMORY:
        register = definition(place, [container("app")], cpu=str(cpu), memory=str(memory))
        assert accepted(register) == (memory in SIZES[cpu]), memory


@EASY
@given(cpu=st.one_of(st.sampled_from(sorted(SIZES)), st.integers(0, 32768)), memory=st.integers(1, 200 * GIB))
def test_any_pair_of_cpu_and_memory(place: Place, cpu: int, memory: int) -> None:
    """Guide, fargate-tasks-services, task CPU and memory."""
    register = definition(place, [container("app")], cpu=str(cpu), memory=str(memory))
    assert accepted(register) == (memory in SIZES.get(cpu, ()))


@pytest.mark.parametrize("member", OF_A_CONTAINER)
def test_a_member_of_a_container_on_fargate(place: Place, member: str) -> None:
    """API_ContainerDefinition and the types of its members; guide, fargate-tasks-services, task definition
    parameters."""
    for expected, values in zip((True, False), OF_A_CONTAINER[member], strict=True):
        for value in values:
            assert accepted(two(place, {member: value})) == expected, value


@pytest.mark.parametrize("member", OF_A_TASK)
def test_a_member_of_a_task_on_fargate(place: Place, member: str) -> None:
    """API_RegisterTaskDefinition and the types of its members; guide, fargate-tasks-services, task definition
    parameters."""
    for expected, values in zip((True, False), OF_A_TASK[member], strict=True):
        for value in values:
            assert accepted(two(place, {}, **{member: value})) == expected, value


@pytest.mark.parametrize(("task", "of_the_first", "expected"), ON_EC2)
def test_what_a_task_on_ec2_may_say(
    place: Place, task: dict[str, Any], of_the_first: dict[str, Any], expected: bool
) -> None:
    """API_RegisterTaskDefinition; API_ContainerDefinition and the types of its members."""
    more = {"requiresCompatibilities": ["EC2"], "networkMode": "bridge", **task}
    assert accepted(two(place, of_the_first, **more)) == expected


@pytest.mark.parametrize(("pair", "expected"), PAIRS)
def test_containers_that_go_together_or_do_not(place: Place, pair: list[dict[str, Any]], expected: bool) -> None:
    """API_ContainerDefinition, API_ContainerDependency, API_PortMapping; guide, fargate-tasks-services."""
    assert accepted(definition(place, [container(**each) for each in pair])) == expected


NAMES = ["app", "agent", "proxy"]
CONDITIONS = ["START", "START", "HEALTHY", "COMPLETE", "SUCCESS"]
ROOM = [  # memory, memoryReservation: no sum of three is the task's 512
    *[(None, None), (100, None), (None, 100), (150, 100)] * 3,
    *[(300, None), (None, 300), (100, 150), (520, None)],
]
OTHERS = [  # members that no rule below ties to another container
    *("disableNetworking", "dnsServers", "extraHosts", "image", "linuxParameters", "links", "privileged"),
    *("startTimeout", "stopTimeout"),
]


def sometimes(draw: st.DrawFn, one_of: int) -> bool:
    return draw(st.integers(1, one_of)) == one_of


@st.composite
def mappings(draw: st.DrawFn) -> dict[str, Any]:
    port = draw(st.sampled_from([80, 443, *range(8000, 8020)]))
    found = {"containerPort": port, "protocol": draw(st.sampled_from(["tcp", "tcp", "udp"]))}
    return found if draw(st.booleans()) else {**found, "hostPort": port + sometimes(draw, 8)}


@st.composite
def containers(draw: st.DrawFn) -> list[tuple[dict[str, Any], bool]]:
    """Up to three, each with whether all is good that concerns it alone. More often than not a rule is kept."""
    found: list[tuple[dict[str, Any], bool]] = []
    for name in draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=not sometimes(draw, 8))):
        hard, soft = draw(st.sampled_from(ROOM))
        more: dict[str, Any] = {
            "essential": not sometimes(draw, 3),
            "portMappings": draw(st.lists(mappings(), max_size=2)),
            "cpu": draw(st.sampled_from([0, 0, 0, 100, 150])),
            **{k: v for k, v in (("memory", hard), ("memoryReservation", soft)) if v is not None},
            **({"healthCheck": CHECK} if draw(st.booleans()) else {}),
            **({"secrets": [SECRET]} if sometimes(draw, 4) else {}),
        }
        others = [each["name"] for each, _ in found] * 3
        if sometimes(draw, 2 if others else 8):
            wanted = draw(st.sampled_from([*others, "agent"]))
            more["dependsOn"] = [{"containerName": wanted, "condition": draw(st.sampled_from(CONDITIONS))}]
        member, good = draw(st.sampled_from(OTHERS)), not sometimes(draw, 10)
        more[member] = draw(st.sampled_from(OF_A_CONTAINER[member][0 if good else 1]))
        found.append((container(name, **more), good))
    return found


def circular(found: list[dict[str, Any]]) -> bool:
    """Whether a container waits for one that is not there, for itself, or in a circle."""
    waits = {c["name"]: [d["containerName"] for d in c.get("dependsOn", [])] for c in found}
    for name in waits:
        seen, at = {name}, waits[name]
        while at:
            if at[0] in seen or at[0] not in waits:
                return True
            seen.add(at[0])
            at = waits[at[0]]
    return False


def in_order(found: list[dict[str, Any]]) -> bool:
    """Whether each condition that a container waits for can be met."""
    by_name = {c["name"]: c for c in found}
    waited = [(by_name[d["containerName"]], d["condition"]) for c in found for d in c.get("dependsOn", [])]
    ends = all(not other["essential"] for other, condition in waited if condition in ("COMPLETE", "SUCCESS"))
    return ends and all("healthCheck" in other for other, condition in waited if condition == "HEALTHY")


def has_room(found: list[dict[str, Any]]) -> bool:
    """Of a task with 256 CPU units and 512 MiB."""
    room = [(c.get("memory"), c.get("memoryReservation")) for c in found]
    return (
        sum(c["cpu"] for c in found) <= 256
        and sum(soft or hard or 0 for hard, soft in room) <= 512
        and all(hard is None or (soft or 0) < hard <= 512 for hard, soft in room)
    )


def ports_differ(found: list[dict[str, Any]]) -> bool:
    """Whether a port is mapped once, to the same one: of a container for one protocol, in the task for each."""
    of_each = [[m["containerPort"] for m in c["portMappings"]] for c in found]
    mapped = [m for c in found for m in c["portMappings"]]
    taken = [(m["containerPort"], m["protocol"]) for m in mapped]
    return (
        len(set(taken)) == len(taken)
        and all(len(set(ports)) == len(ports) for ports in of_each)
        and all(m.get("hostPort", m["containerPort"]) == m["containerPort"] for m in mapped)
    )


@settings(EASY, max_examples=150)
@given(drawn=containers(), role=st.integers(0, 2))
def test_containers_of_a_task_definition(place: Place, drawn: list[tuple[dict[str, Any], bool]], role: int) -> None:
    """API_ContainerDefinition, API_ContainerDependency, API_PortMapping; guide, fargate-tasks-services."""
    found = [each for each, _ in drawn]
    good = (
        all(good for _, good in drawn)
        and len({c["name"] for c in found}) == len(found)
        and any(c["essential"] for c in found)
        and not circular(found)
        and in_order(found)
        and has_room(found)
        and ports_differ(found)
        and (role > 0 or not any(c.get("secrets") for c in found))
    )
    assert accepted(definition(place, found, **({"executionRoleArn": place.role} if role else {}))) == good
