"""What RegisterTaskDefinition refuses: pure, a generator of sentences for each part of a task definition.

A sentence is AWS's own where somebody has published one. What a page calls required, not valid or not supported is
refused, whether or not it says that registration refuses it (testbed/README.md lists those).
Sources: API reference, RegisterTaskDefinition and the types of its members; "Task definition differences for Fargate",
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
"""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from typing import Any

from ..wire import AwsError, Params
from . import limits

Problems = Iterator[str]
GIB = 1024
FARGATE_SIZES: dict[int, Any] = {  # cpu units: the memory values in MiB that go with them
    256: (512, GIB, 2 * GIB),
    512: range(GIB, 4 * GIB + 1, GIB),
    1024: range(2 * GIB, 8 * GIB + 1, GIB),
    2048: range(4 * GIB, 16 * GIB + 1, GIB),
    4096: range(8 * GIB, 30 * GIB + 1, GIB),
    8192: range(16 * GIB, 60 * GIB + 1, 4 * GIB),
    16384: range(32 * GIB, 120 * GIB + 1, 8 * GIB),
}
UNITS = range(128, 196608 + 1)  # of CPU, that a task can have anywhere
LEAST_MEMORY = 6  # "don't specify less than 6 MiB": what the Docker daemon reserves
STORAGE = range(21, 200 + 1)  # GiB
MOST_CONSTRAINTS = 10
RANGES = {  # a member of a container: what it may be
    "healthCheck.interval": (5, 300),
    "healthCheck.timeout": (2, 60),
    "healthCheck.retries": (1, 10),
    "healthCheck.startPeriod": (0, 300),
    "restartPolicy.restartAttemptPeriod": (60, 1800),
    "linuxParameters.swappiness": (0, 100),
}
FARGATE_TIMEOUTS = ("startTimeout", "stopTimeout")
# hostname and extraHosts: API reference, ContainerDefinition; the others: what AWS says, by users of aws/amazon-ecs-cli
NOT_WITH_AWSVPC = ("disableNetworking", "dnsServers", "extraHosts", "hostname")
NOT_ON_FARGATE = (  # beside those, and links, which are for bridge alone
    *("dnsSearchDomains", "dockerSecurityOptions", "linuxParameters.devices", "linuxParameters.maxSwap"),
    *("linuxParameters.sharedMemorySize", "linuxParameters.swappiness", "linuxParameters.tmpfs", "privileged"),
)
FARGATE_DRIVERS = ("awslogs", "splunk", "awsfirelens")
DRIVER_NEEDS = {"awslogs": {"awslogs-group", "awslogs-region"}, "splunk": {"splunk-token", "splunk-url"}}
PREFIX = "awslogs-stream-prefix"
IMAGE = "[A-Za-z0-9_:./#-]{1,255}(@sha256:[A-Fa-f0-9]{64})?"
PORT_NAME = "[a-z0-9_][a-z0-9_-]{0,63}"
VOLUMES = (
    *("host", "dockerVolumeConfiguration", "efsVolumeConfiguration", "s3filesVolumeConfiguration"),
    *("fsxWindowsFileServerVolumeConfiguration", "configuredAtLaunch"),
)


def refuse(message: str) -> AwsError:
    return AwsError("ClientException", message)


def check(p: Params) -> None:
    """Raise as RegisterTaskDefinition does."""
    limits.words("RegisterTaskDefinition", p, "ClientException")
    for problem in problems(p):
        raise refuse(problem)
    start_order(p["containerDefinitions"])


def problems(p: Params) -> Problems:
    containers = p["containerDefinitions"]
    if not containers:
        yield "Container list cannot be empty."
    for container in containers:
        yield from chain(itself(container), log(container.get("logConfiguration", {})))
    yield from chain(together(p), sizes(p), ports(p), volumes(p), network(p))
    if "FARGATE" in p.get("requiresCompatibilities", []):
        yield from fargate(p)


def given(body: Params, path: str) -> bool:
    """Whether a member is chosen: null, false and an empty list choose nothing."""
    found = at(body, path)
    return found is not None and found is not False and found not in ([], "")


def at(body: Params, path: str) -> Any:
    found: Any = body
    for name in path.split("."):
        found = (found or {}).get(name)
    return found


def number(value: str, unit: str) -> int | None:
    """'1024', '1 GB', '1GB' or '.25 vCPU' in MiB or CPU units; None when it is none of these."""
    found = re.fullmatch(rf"(\d*\.?\d+) {'?' if unit == 'GB' else ''}{unit}", value, re.IGNORECASE | re.ASCII)
    if found:
        return int(float(found[1]) * 1024)
    return int(value) if re.fullmatch(r"\d+", value, re.ASCII) else None


def itself(container: Params) -> Problems:
    """What is wrong with one container, whatever it runs on and beside."""
    name = container.get("name")
    if not name or not container.get("image"):
        yield "Invalid 'containerDefinitions' setting: a container needs a name and an image."
    elif not re.fullmatch(limits.NAME, name):
        yield f"Invalid container name '{name}'."
    elif not re.fullmatch(IMAGE, container["image"]):
        yield "Container.image contains invalid characters."
    if not all(e.get("name") for e in container.get("environment", [])):
        yield "Invalid 'environment' setting: a variable needs a name."
    for path, (low, high) in RANGES.items():
        found = at(container, path)
        if found is not None and not low <= found <= high:
            setting, _, member = path.partition(".")
            yield f"Invalid '{setting}' setting: {member} must be between {low} and {high}."
    if "healthCheck" in container and not _is_command(container["healthCheck"]["command"]):
        yield "Invalid 'healthCheck' setting: the command must start with CMD or CMD-SHELL."
    if len(at(container, "restartPolicy.ignoredExitCodes") or []) > 50:
        yield "Invalid 'restartPolicy' setting: at most 50 exit codes can be ignored."
    files = [f["value"] for f in container.get("environmentFiles", [])]
    if len(files) > 10 or not all(f.endswith(".env") for f in files):
        yield "Invalid 'environmentFiles' setting: up to ten files, with the extension .env."


def _is_command(words: list[str]) -> bool:
    """API reference, HealthCheck: it "must start with CMD ... or CMD-SHELL", and has something to run."""
    return words[:1] in (["CMD"], ["CMD-SHELL"]) and any(words[1:])


def log(configuration: Params) -> Problems:
    """API reference, LogConfiguration, options."""
    options, driver = configuration.get("options", {}), configuration.get("logDriver", "")
    known = {*options, *(s["name"] for s in configuration.get("secretOptions", []))}
    missing = DRIVER_NEEDS.get(driver, set()) - known
    if missing:
        yield f"Log driver {driver} requires options: {', '.join(sorted(missing))}"
    if {"awslogs-datetime-format", "awslogs-multiline-pattern"} <= known:
        yield "You cannot configure both the awslogs-datetime-format and awslogs-multiline-pattern options."
    if options.get("mode", "blocking") not in ("blocking", "non-blocking"):
        yield f"Invalid log option mode '{options['mode']}': valid values are non-blocking and blocking."


def together(p: Params) -> Problems:
    """Names, what starts after what, and the role that several members need."""
    containers = p["containerDefinitions"]
    by_name = {c["name"]: c for c in containers}
    if len(by_name) < len(containers):
        yield "Container names should be unique within a task definition."
    if not any(c.get("essential", True) for c in containers):
        yield "Invalid 'containerDefinitions' setting: at least one container must be essential."
    for container in containers:
        for wanted in container.get("dependsOn", []):
            other, condition = by_name.get(wanted["containerName"]), wanted["condition"]
            if other is None or other is container:
                yield f"Invalid 'dependsOn' setting for container '{container['name']}'."
            elif condition in ("COMPLETE", "SUCCESS") and other.get("essential", True):
                yield "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container."
            elif condition == "HEALTHY" and "healthCheck" not in other:
                yield "A dependency container with HEALTHY condition must have health check configured."
    if any(c.get("secrets") for c in containers) and not p.get("executionRoleArn"):
        yield "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'."


def sizes(p: Params) -> Problems:
    """API reference, RegisterTaskDefinition, cpu and memory; ContainerDefinition, memory and memoryReservation."""
    containers = p["containerDefinitions"]
    most = number(p.get("memory") or "0", "GB")
    if p.get("cpu") and number(p["cpu"], "vCPU") not in UNITS:
        yield "Invalid 'cpu' setting for task."
    if most is None:
        yield "Invalid 'memory' setting for task."
    for container in containers:
        hard, soft = container.get("memory"), container.get("memoryReservation")
        what = f"Invalid setting for container '{container['name']}'."
        if not most and not hard and not soft:
            yield f"{what} At least one of 'memory' or 'memoryReservation' must be specified."
        if any(each is not None and each < LEAST_MEMORY for each in (hard, soft)):
            yield f"{what} Memory must not be less than {LEAST_MEMORY} MiB."
        if hard and soft and hard <= soft:
            yield f"{what} 'memory' must be greater than 'memoryReservation'."
    # "The total amount of memory reserved for all containers within a task must be lower than the task memory value"
    # (ContainerDefinition, memory); AWS takes an equal one.
    reserved = sum(c.get("memoryReservation") or c.get("memory") or 0 for c in containers)
    if most and max(reserved, *(c.get("memory") or 0 for c in containers)) > most:
        yield f"The containers may have more memory than the task: {most} MiB."
    storage = at(p, "ephemeralStorage.sizeInGiB")
    if storage is not None and storage not in STORAGE:
        yield f"EphemeralStorage size should be at least {STORAGE[0]} and at most {STORAGE[-1]}."


def ports(p: Params) -> Problems:
    """API reference, PortMapping. A port of the host is taken once in a task, for each protocol."""
    mode, taken = p.get("networkMode", "bridge"), Counter[tuple[str, int]]()
    for container in p["containerDefinitions"]:
        mappings = container.get("portMappings", [])
        if mappings and mode == "none":
            yield "Port mappings cannot be specified when networkMode=none."
        for mapping in mappings:
            port = mapping.get("containerPort")
            host = mapping.get("hostPort", port if mode in ("awsvpc", "host") else 0)
            if port is None:
                yield "Invalid 'portMappings' setting: a mapping needs a container port."
            elif port not in range(1, 65536) or host not in range(65536):
                yield f"Invalid 'containerPort' setting for container '{container['name']}'."
            if mode in ("awsvpc", "host") and host != port:
                yield f"When networkMode={mode}, the host ports and container ports in port mappings must match."
            if "name" in mapping and not re.fullmatch(PORT_NAME, mapping["name"]):
                yield f"Invalid name '{mapping['name']}' of a port mapping."
            taken[(mapping.get("protocol", "tcp"), host)] += 1
        for port, times in Counter(m.get("containerPort") for m in mappings).items():
            if times > 1:
                yield f"Container port {port} is used in more than one port mapping for container {container['name']}."
    for (protocol, port), times in taken.items():
        if port and times > 1:
            yield f"{protocol.upper()} host port '{port}' is mapped multiple times in task."


def volumes(p: Params) -> Problems:
    """API reference, Volume, MountPoint, VolumeFrom, EFSVolumeConfiguration and EFSAuthorizationConfig."""
    found = p.get("volumes", [])
    names = [v.get("name") for v in found]
    if len(set(names)) < len(names) or not all(re.fullmatch(limits.NAME, name or "") for name in names):
        yield "Invalid 'volumes' setting: each needs a name of its own."
    if any(sum(given(v, kind) for kind in VOLUMES) > 1 for v in found):
        yield "Invalid 'volumes' setting: a volume has one configuration only."
    if sum(given(v, "configuredAtLaunch") for v in found) > 1:
        yield "Invalid 'volumes' setting: one volume only can be configured at launch."
    for efs in (v["efsVolumeConfiguration"] for v in found if given(v, "efsVolumeConfiguration")):
        point = at(efs, "authorizationConfig.accessPointId")
        if (point or at(efs, "authorizationConfig.iam") == "ENABLED") and efs.get("transitEncryption") != "ENABLED":
            yield "EFS IAM authorization and access points need transit encryption."
        if point and efs.get("rootDirectory") not in (None, "", "/"):
            yield "The root directory must be omitted or / when an EFS access point is specified."
    containers = [c["name"] for c in p["containerDefinitions"]]
    for container in p["containerDefinitions"]:
        for mount in container.get("mountPoints", []):
            if mount.get("sourceVolume") not in names:
                yield f"Unknown volume '{mount.get('sourceVolume')}'."
        for source in container.get("volumesFrom", []):
            if source.get("sourceContainer") not in containers or source["sourceContainer"] == container["name"]:
                yield f"Invalid 'volumesFrom' setting for container '{container['name']}'."


def network(p: Params) -> Problems:
    """What a network mode or a namespace of the host's does not allow, and how many constraints there may be."""
    mode, ipc = p.get("networkMode", "bridge"), p.get("ipcMode")
    for container in p["containerDefinitions"]:
        if container.get("links") and mode != "bridge":
            yield f"Links are not supported when networkMode={mode}."
        for member in NOT_WITH_AWSVPC if mode == "awsvpc" else ():
            if given(container, member):
                yield f"{member} is not supported on container when networkMode=awsvpc."
        of_network = {c.get("namespace", "").startswith("net.") for c in container.get("systemControls", [])}
        if (mode == "host" and True in of_network) or (ipc == "host" and False in of_network):
            yield "The host's namespace does not allow these systemControls."
    if len(p.get("placementConstraints", [])) > MOST_CONSTRAINTS:
        yield f"A task can have {MOST_CONSTRAINTS} placement constraints at most."


def fargate(p: Params) -> Problems:
    """What of a task definition that is good otherwise cannot run on Fargate."""
    if p.get("networkMode") != "awsvpc":
        yield "Fargate only supports network mode 'awsvpc'."
    if not p.get("cpu") or not p.get("memory"):
        yield "Fargate requires that 'cpu' and 'memory' be defined at the task level."
        return
    cpu, memory = number(p["cpu"], "vCPU"), number(p["memory"], "GB")
    if cpu not in FARGATE_SIZES or memory not in FARGATE_SIZES[cpu]:
        yield f"No Fargate configuration exists for given values: {p['cpu']} CPU, {p['memory']} memory."
        return
    if sum(c.get("cpu", 0) for c in p["containerDefinitions"]) > cpu:
        yield f"The containers reserve more CPU than the task has: {cpu} units."
    if p.get("ipcMode"):
        yield "Tasks using the Fargate launch type do not support ipcMode."
    if p.get("pidMode", "task") != "task":
        yield "Tasks using the Fargate launch type only support the pidMode task."
    if p.get("placementConstraints"):
        yield "Fargate compatible task definitions do not support constraints."
    for volume in p.get("volumes", []):
        for path in ("host.sourcePath", "dockerVolumeConfiguration"):
            if given(volume, path):
                yield f"Fargate compatible task definitions do not support {path.rpartition('.')[2]}."
    for container in p["containerDefinitions"]:
        yield from fargate_container(container, bool(p.get("executionRoleArn")))


def fargate_container(container: Params, role: bool) -> Problems:
    for path in NOT_ON_FARGATE:
        if given(container, path):
            yield f"Fargate compatible task definitions do not support {path.rpartition('.')[2]}."
    if any(each["type"] in ("GPU", "NeuronDevice") for each in container.get("resourceRequirements", [])):
        yield "Fargate compatible task definitions do not support GPUs and Neuron devices."
    if set(at(container, "linuxParameters.capabilities.add") or []) - {"SYS_PTRACE"}:
        yield "Fargate only supports adding the kernel capability SYS_PTRACE."
    for name in FARGATE_TIMEOUTS:
        if not 2 <= container.get(name, 2) <= 120:
            yield f"The valid values of {name} for Fargate are 2-120 seconds."
    if at(container, "firelensConfiguration.options.config-file-type") == "s3":
        yield "Fargate only supports the config-file-type file of FireLens."
    configuration = container.get("logConfiguration", {})
    driver = configuration.get("logDriver")
    if driver and driver not in FARGATE_DRIVERS:
        yield f"Fargate does not support the log driver {driver}."
    if driver == "awslogs" and PREFIX not in configuration.get("options", {}):
        yield f"Log driver awslogs requires options: {PREFIX}"
    if driver == "awslogs" and not role:
        yield "Fargate requires task definition to have execution role ARN to support log driver awslogs."


def start_order(containers: list[Params]) -> list[Params]:
    """Containers in an order that honours dependsOn. Raises on a circle."""
    left, ordered, done = list(containers), [], set()
    while left:
        ready = [c for c in left if all(d["containerName"] in done for d in c.get("dependsOn", []))]
        if not ready:
            raise refuse("Invalid 'dependsOn' setting: the containers wait for each other.")
        ordered += ready
        done |= {c["name"] for c in ready}
        left = [c for c in left if c["name"] not in done]
    return ordered
