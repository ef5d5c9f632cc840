"""Container instances of declared capacity, and where a task of launch type EC2 finds room.

Nothing runs on an instance: a task's containers are processes on an address of their own as ever. In bridge and host
mode a load balancer knows that address as the instance and a host port (`elbv2.State.hosts`).
Sources: API reference, RegisterContainerInstance, ContainerInstance, PortMapping; developer guide, "Service event
messages" and "API failure reasons".
"""

import json
import secrets
from typing import Any

from ..strict import reads
from ..wire import AwsError, Params, page
from .state import Cluster, Definition, Instance, State, Task, counts

DYNAMIC = range(49153, 65536)  # host ports that 0 chooses from (PortMapping, hostPort)
LACKS = {
    "PORTS": "is already using a port required by your task",
    "MEMORY": "has insufficient memory available",
    "CPU": "has insufficient CPU units available",
}
NO_ROOM = "was unable to place a task because no container instance met all of its requirements. {why} "
NO_ROOM += "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
NOBODY = "No Container Instances were found in your cluster."


def size(definition: Definition) -> tuple[int, int]:
    """CPU units and MiB that placement counts: the task's own, else what its containers ask for together."""
    each = definition.containers
    memory = sum(c.get("memoryReservation") or c.get("memory") or 0 for c in each)
    return int(definition.body.get("cpu") or sum(c["cpu"] for c in each)), int(definition.body.get("memory") or memory)


def mappings(definition: Definition) -> list[tuple[str, Params]]:
    """(container, port mapping) of all that take a port of the host; none in awsvpc mode."""
    shared = definition.body.get("networkMode") != "awsvpc"
    return [(c["name"], m) for c in definition.containers for m in c["portMappings"] if shared]


class Instances(State):
    @reads("cluster", "instanceIdentityDocument", "totalResources", "tags")
    def register_container_instance(self, p: Params) -> Params:
        """As an instance's agent does: the document names the instance."""
        cluster = self.cluster(p.get("cluster"))
        try:
            name = json.loads(p["instanceIdentityDocument"])["instanceId"]
            known = {each["name"]: each for each in p["totalResources"]}
            cpu, memory = (known[resource]["integerValue"] for resource in ("CPU", "MEMORY"))
            reserved = frozenset(int(port) for port in known.get("PORTS", {}).get("stringSetValue", []))
        except (KeyError, TypeError, ValueError):
            raise AwsError("ClientException", "An instance is registered with its identity, CPU and MEMORY.") from None
        arn = f"{self.prefix}container-instance/{cluster.name}/{secrets.token_hex(16)}"
        self.instances[arn] = Instance(arn, cluster, name, cpu, memory, reserved)
        self.tags[arn] = list(p.get("tags", []))
        self.wake()
        return {"containerInstance": self._instance_view(self.instances[arn])}

    @reads("cluster", "containerInstance")
    def deregister_container_instance(self, p: Params) -> Params:
        found = self._instance(self.cluster(p.get("cluster")), p["containerInstance"])
        if found is None:
            raise AwsError("InvalidParameterException", "Referenced container instance not found.")
        if self.on(found):
            raise AwsError("InvalidParameterException", "Found running tasks on the instance.")
        del self.instances[found.arn]
        return {"containerInstance": {**self._instance_view(found), "status": "INACTIVE"}}

    @reads("cluster", "status", "maxResults", "nextToken")
    def list_container_instances(self, p: Params) -> Params:
        cluster = self.cluster(p.get("cluster"))
        found = [i.arn for i in self.instances.values() if i.cluster is cluster and p.get("status") in (None, "ACTIVE")]
        items, token = page(found, p, 100, "maxResults", "nextToken")
        return {"containerInstanceArns": items, "nextToken": token}

    @reads("cluster", "containerInstances")
    def describe_container_instances(self, p: Params) -> Params:
        cluster, wanted = self.cluster(p.get("cluster")), p["containerInstances"]
        if not 0 < len(wanted) <= 100:
            raise AwsError("InvalidParameterException", "Between 1 and 100 container instances can be described.")
        found = {each: self._instance(cluster, each) for each in wanted}
        views = [self._instance_view(each) for each in found.values() if each]
        prefix = f"{self.prefix}container-instance/{cluster.name}/"
        failures = [self.missing(prefix + name.rsplit("/", 1)[-1]) for name, each in found.items() if each is None]
        return {"containerInstances": views, "failures": failures}

    def _instance(self, cluster: Cluster, reference: str) -> Instance | None:
        return self.instances.get(f"{self.prefix}container-instance/{cluster.name}/{reference.rsplit('/', 1)[-1]}")

    def _instance_view(self, instance: Instance) -> Params:
        cpu, memory, ports = self._left(instance)
        found = counts(self.on(instance))
        return {
            "containerInstanceArn": instance.arn,
            "ec2InstanceId": instance.id,
            "status": "ACTIVE",
            "agentConnected": True,
            "runningTasksCount": found["runningCount"],
            "pendingTasksCount": found["pendingCount"],
            "registeredResources": _resources(instance.cpu, instance.memory, set(instance.reserved)),
            "remainingResources": _resources(cpu, memory, ports),
            "registeredAt": instance.registered,
        }

    # -- placement -------------------------------------------------------------------------------
    def on(self, instance: Instance) -> list[Task]:
        """The tasks whose resources are not given back yet."""
        return [t for t in self.tasks.values() if t.instance is instance and t.status != "STOPPED"]

    def _left(self, instance: Instance) -> tuple[int, int, set[int]]:
        """CPU units and MiB that are free, and host ports that are not."""
        tasks = self.on(instance)
        sizes = [size(t.definition) for t in tasks]
        ports = instance.reserved.union(b["hostPort"] for t in tasks for b in t.bindings)
        return instance.cpu - sum(c for c, _ in sizes), instance.memory - sum(m for _, m in sizes), set(ports)

    def room(self, cluster: Cluster, definition: Definition) -> tuple[Instance | None, list[tuple[Instance, str]]]:
        """The instance with the fewest tasks that has room for one more; else of each what it lacks."""
        there = [i for i in self.instances.values() if i.cluster is cluster]
        lacks = [(i, self._lacks(i, definition)) for i in there]
        fit = min((i for i, lack in lacks if lack is None), key=lambda i: len(self.on(i)), default=None)
        return fit, [(i, lack) for i, lack in lacks if lack is not None]

    def _lacks(self, instance: Instance, definition: Definition) -> str | None:
        (cpu, memory), (free_cpu, free_memory, taken) = size(definition), self._left(instance)
        if taken & {m["hostPort"] for _, m in mappings(definition)}:
            return "PORTS"
        return "MEMORY" if memory > free_memory else "CPU" if cpu > free_cpu else None

    def put(self, task: Task, instance: Instance) -> None:
        """Place a task: its resources are taken from now on."""
        taken = self._left(instance)[2]
        for container, mapping in mappings(task.definition):
            port = mapping["hostPort"] or next(each for each in DYNAMIC if each not in taken)
            taken.add(port)
            shown = {"bindIP": "0.0.0.0", "containerPort": mapping["containerPort"], "hostPort": port}
            task.bindings.append({"container": container, **shown, "protocol": mapping["protocol"]})
        task.instance = instance

    def no_room(self, refusals: list[tuple[Instance, str]]) -> str:
        """The service's event."""
        if not refusals:
            return NO_ROOM.format(why=f"Reason: {NOBODY}")
        closest, lack = refusals[0]
        name = closest.arn.rsplit("/", 1)[-1]
        return NO_ROOM.format(why=f"The closest matching (container-instance {name}) {LACKS[lack]}.")


def _resources(cpu: int, memory: int, ports: set[int]) -> list[Any]:
    numbers = [{"name": name, "type": "INTEGER", "integerValue": n} for name, n in (("CPU", cpu), ("MEMORY", memory))]
    taken = {"name": "PORTS", "type": "STRINGSET", "stringSetValue": [str(each) for each in sorted(ports)]}
    return [*numbers, taken, {"name": "PORTS_UDP", "type": "STRINGSET", "stringSetValue": []}]
