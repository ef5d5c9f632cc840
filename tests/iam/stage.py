"""A service that uses all that a policy can be about, and plays on it with the rights of one policy."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

from tests.faults.plays.place import CLUSTER, SETTLED, Place
from tests.faults.plays.player import Ended, Player
from tests.testbed.beds import BREAKER, NETWORK, Bed, until

POLICIES = Path(__file__).parents[2] / "docs/iam"
ACCOUNT, REGION = "000000000000", "us-east-1"
KEY = "LIMITED"
"""The access key of the plays that are held to the policy; what a test prepares is done with another one."""
PREFIX = "steady"
REPOSITORY = "steady/app"
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{REPOSITORY}"
COMMIT, CONFIG = "3" * 40, "sha256:" + "0" * 64
DECLARED: dict[str, Any] = {
    "target_group_attributes": {"stickiness.enabled": True, "stickiness.lb_cookie.duration_seconds": 7200},
    "rollout_settings": {"healthCheckGracePeriodSeconds": 30},
    "rollout_changes": {"containers": {"app": {"environment": {"VERSION": "2"}}}},
    "release_why": "policies",
    "health_wait_timeout": 60,
    "rollout_wait_timeout": 600,
}
TAGS = {"stage": "new", "team": None, "more": "a"}
BESIDE = {"rollout_settings": {**DECLARED["rollout_settings"], "scalableTarget": {"maxCapacity": 3}, "tags": TAGS}}
"""Settings that no UpdateService takes: each needs rights of its own, to set and to take away."""
METRIC, DIMENSION = "UnHealthyHostCount", {"Name": "Site", "Value": "web"}
CONTAINERS = "containerDefinitions"
BALANCERS = "balancers"
PAUSE = {"targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"]}
PATIENT = {"deploymentCircuitBreaker": {"enable": False, "rollback": False}}
BLUE_GREEN = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0}
Policy = dict[str, Any]


def documents() -> dict[str, Policy]:
    """The policies as they are published, by playbook."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(POLICIES.glob("*.json"))}


def actions(policy: Policy) -> set[str]:
    """All actions that a policy allows."""
    return {action for statement in policy["Statement"] for action in statement["Action"]}


def without(policy: Policy, action: str) -> Policy:
    """The policy with one action taken away."""
    left = [{**s, "Action": [a for a in s["Action"] if a != action]} for s in policy["Statement"]]
    return {**policy, "Statement": [s for s in left if s["Action"]]}


class Stage(Place):
    """Its image is in ECR, its secrets in two services, its log in a third; it has roles, tags and an alarm."""

    def __init__(self, bed: Bed, folder: Path, player: Player) -> None:
        self.player, self.bucket = player, f"releases-{uuid.uuid4().hex[:10]}"
        bed.client("s3").create_bucket(Bucket=self.bucket)
        super().__init__(bed, folder, store=f"s3://{self.bucket}/{PREFIX}")

    def filled(self, policy: Policy) -> Policy:
        """The policy with this service's names in the placeholders."""
        names = {
            "AWS::Partition": "aws",
            "AWS::Region": REGION,
            "AWS::AccountId": ACCOUNT,
            "Cluster": CLUSTER,
            "Service": self.name,
            "Family": self.name,
            "TargetGroup": self.group.partition("targetgroup/")[2],
            "Stack": self.name,
            "TaskRole": "task",
            "ExecutionRole": "execution",
            "BalancerRole": BALANCERS,
            "ImageRepository": REPOSITORY,
            "Secret": f"{self.name}-*",
            "LogGroup": f"/ecs/{self.name}",
            "Bucket": self.bucket,
            "Prefix": PREFIX,
        }
        text = json.dumps(policy)
        for name, value in names.items():
            text = text.replace(f"${{{name}}}", value)
        assert "${" not in text, text
        found: Policy = json.loads(text)
        return found

    def may(self, policy: Policy) -> None:
        """From now on the plays have these rights, and the log is about them."""
        status, said = self.bed.admin("PUT", "/_bed/iam", {KEY: [self.filled(policy)]})
        assert status == 200, said
        self.bed.admin("DELETE", "/_bed/calls")

    def calls(self) -> list[dict[str, Any]]:
        """What the plays have called since they got their rights."""
        log = self.bed.admin("GET", "/_bed/calls")[1]["log"]
        return [entry for entry in log if entry["access_key"] == KEY]

    def play(self, playbook: str, *options: str, key: str = KEY, **declared: Any) -> Ended:
        """Run a playbook to its end; `declared` are variables over the usual ones."""
        known = {**DECLARED, "target_group_name": self.name, "service_access_key": key, "health_desired_count": 1}
        inventory = self.inventory(**{**known, **declared})
        return self.player.run("-i", inventory, f"playbooks/{playbook}.yml", *options)

    def given(self, playbook: str, **declared: Any) -> None:
        """Run a playbook with all rights, and let the service come to rest: what comes before the part under test."""
        ended = self.play(playbook, key="emulator", **declared)
        assert ended.outcome in ("proven", "unchanged"), ended.text
        self.rest()

    # -- what a play may find ------------------------------------------------------------------------------------------

    def register(self, version: str) -> str:
        """A revision like the live one, of another version."""
        content = self.ecs.describe_task_definition(taskDefinition=self.definition)["taskDefinition"]
        kept = ("family", "networkMode", "requiresCompatibilities", "cpu", "memory", "executionRoleArn", "taskRoleArn")
        containers = [{**each, "environment": [{"name": "VERSION", "value": version}]} for each in content[CONTAINERS]]
        made = self.ecs.register_task_definition(
            **{name: content[name] for name in kept}, containerDefinitions=containers
        )
        return str(made["taskDefinition"]["taskDefinitionArn"])

    def tagged(self) -> None:
        """Somebody has tagged the service."""
        tags = [{"key": "stage", "value": "old"}, {"key": "team", "value": "x"}]
        self.ecs.tag_resource(resourceArn=self.service()["serviceArn"], tags=tags)

    def loses(self, operation: str, times: int) -> None:
        """The next so many calls of the plays to an operation of ECS arrive, and their answers do not."""
        rule = {"service": "ecs", "operation": operation, "access_key": KEY, "kind": "reset_after", "times": times}
        status, said = self.bed.admin("PUT", "/_bed/faults", [rule])
        assert status == 200, said

    def owned(self) -> None:
        """From now on Application Auto Scaling owns the count, and somebody has tagged the service."""
        self.tagged()
        self.bed.client("application-autoscaling").register_scalable_target(
            ServiceNamespace="ecs", ScalableDimension="ecs:service:DesiredCount",
            ResourceId=f"service/{CLUSTER}/{self.name}", MinCapacity=1, MaxCapacity=2,
        )  # fmt: skip

    def other_network(self) -> dict[str, Any]:
        """Subnets of another VPC than the target group's, for EC2 is moto's here."""
        found = self.bed.client("ec2").describe_subnets()["Subnets"]
        subnets = [each["SubnetId"] for each in found[:2]]
        return {"awsvpcConfiguration": {**NETWORK["awsvpcConfiguration"], "subnets": subnets}}

    def pair(self) -> list[dict[str, Any]]:
        """Another group beside this one, a rule that forwards to both, a role: the load balancers of what may shift."""
        other = self.elb.create_target_group(
            Name=f"{self.name}-2", Protocol="HTTP", Port=80, VpcId="vpc-1", TargetType="ip",
            HealthCheckIntervalSeconds=5, HealthCheckTimeoutSeconds=2,
        )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
        alike = [{"Key": key, "Value": value} for key, value in self.attributes().items() if value]
        self.elb.modify_target_group_attributes(TargetGroupArn=other, Attributes=alike)
        (listener,) = self.elb.describe_listeners(LoadBalancerArn=self.balancer)["Listeners"]
        forward = {
            "TargetGroups": [{"TargetGroupArn": self.group, "Weight": 1}, {"TargetGroupArn": other, "Weight": 0}],
            "TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 60},
        }
        actions = [{"Type": "forward", "ForwardConfig": forward}]
        self.elb.modify_listener(ListenerArn=listener["ListenerArn"], DefaultActions=actions)
        rule = self.elb.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"][0]["RuleArn"]
        self.bed.make_roles(BALANCERS, trusting="ecs.amazonaws.com")
        advanced = {
            "alternateTargetGroupArn": other,
            "productionListenerRule": rule,
            "roleArn": f"arn:aws:iam::{ACCOUNT}:role/{BALANCERS}",
        }
        (entry,) = self.service()["loadBalancers"]
        return [{**entry, "advancedConfiguration": advanced}]

    def shifting(self, *hooks: dict[str, Any]) -> None:
        """From now on deployments are of the strategy BLUE_GREEN, between this group and another one, with hooks."""
        self.ecs.update_service(
            cluster=CLUSTER, service=self.name, loadBalancers=self.pair(), deploymentConfiguration=BLUE_GREEN
        )
        self.rest()
        self.ecs.update_service(
            cluster=CLUSTER, service=self.name, deploymentConfiguration={"lifecycleHooks": list(hooks)}
        )

    def paused(self, word: str) -> None:
        """Begin a deployment that waits for an answer before its first task is started; how these fare then."""
        arn = self.register(f"paused, then {word}")
        self.fares(word, arn)
        self.ecs.update_service(cluster=CLUSTER, service=self.name, taskDefinition=arn)

        def waits() -> bool:
            listed = self.ecs.list_service_deployments(cluster=CLUSTER, service=self.name)["serviceDeployments"]
            found = self.ecs.describe_service_deployments(serviceDeploymentArns=[listed[0]["serviceDeploymentArn"]])
            hooks = found["serviceDeployments"][0].get("lifecycleHookDetails", [])
            return any(each["status"] == "AWAITING_ACTION" for each in hooks)

        until(waits, SETTLED)

    def patient(self) -> None:
        """From now on ECS itself gives up no deployment."""
        self.ecs.update_service(cluster=CLUSTER, service=self.name, deploymentConfiguration=PATIENT)

    def under_way(self) -> None:
        """Begin a deployment that does not end by itself, and has a failed task."""
        arn = self.register("sick")
        self.fares("crash", arn)
        self.ecs.update_service(cluster=CLUSTER, service=self.name, taskDefinition=arn, deploymentConfiguration=PATIENT)
        until(lambda: self.service()["deployments"][0]["failedTasks"], SETTLED)

    def sibling_under_way(self) -> None:
        """Another service of the same family, whose first deployment does not end."""
        arn = self.register("sick sibling")
        self.fares("unhealthy", arn)
        self.ecs.create_service(
            cluster=CLUSTER, serviceName=f"{self.name}-sibling", taskDefinition=arn, desiredCount=1,
            launchType="FARGATE", networkConfiguration=NETWORK, deploymentConfiguration=PATIENT,
            loadBalancers=[{"targetGroupArn": self.group, "containerName": "app", "containerPort": 80}],
            healthCheckGracePeriodSeconds=3600,
        )  # fmt: skip

    def fares(self, word: str, *revisions: str) -> None:
        """How tasks of these revisions (ARN, or family:number) fare from now on; without any, of the next ones."""
        live = int(self.service()["taskDefinition"].rpartition(":")[2])
        names = revisions or [f"{self.name}:{live + n}" for n in range(1, 5)]
        status, said = self.bed.admin("PUT", "/_bed/health", {each.rpartition("/")[2]: word for each in names})
        assert status == 200, said

    def scheduled(self) -> None:
        """A rule and a schedule that start the first revision."""
        events, scheduler = self.bed.client("events"), self.bed.client("scheduler")
        cluster = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{CLUSTER}"
        target = {"Arn": cluster, "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/events"}
        run = {"EcsParameters": {"TaskDefinitionArn": self.definition}}
        events.put_rule(Name=self.name, ScheduleExpression="rate(1 day)")
        events.put_targets(Rule=self.name, Targets=[{"Id": "1", **target, **run}])
        scheduler.create_schedule(
            Name=self.name, ScheduleExpression="rate(1 day)",
            FlexibleTimeWindow={"Mode": "OFF"}, Target={**target, **run},
        )  # fmt: skip

    def template(self) -> str:
        """The file of a stack that has made the group as it is declared, and another one: its tags say which is it."""
        kind, declared = "AWS::ElasticLoadBalancingV2::TargetGroup", DECLARED["target_group_attributes"]
        pairs = [{"Key": key, "Value": value} for key, value in declared.items()]
        resources = {"Other": {"Type": kind}, "Web": {"Type": kind, "Properties": {"TargetGroupAttributes": pairs}}}
        path = self.place / "template.json"
        path.write_text(json.dumps({"Resources": resources}), encoding="utf-8")
        self._stack({"Resources": resources})
        return str(path)

    def stacked(self, shared: bool = False, **more: Any) -> None:
        """From now on a stack owns the group, with the cookie's duration as a parameter, which is the name of a topic
        too where it is shared."""
        pairs = [{"Key": "stickiness.lb_cookie.duration_seconds", "Value": {"Ref": "Seconds"}}]
        web = {"Type": "AWS::ElasticLoadBalancingV2::TargetGroup", "Properties": {"TargetGroupAttributes": pairs}}
        topic = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Ref": "Seconds"} if shared else "web"}}
        parameters = {"Seconds": {"Type": "Number", "Default": 7200}}
        self._stack({"Parameters": parameters, "Resources": {"Web": web, "Topic": topic}}, **more)

    def _stack(self, template: Policy, **more: Any) -> None:
        stack = {"template": template, "groups": {"Web": self.group}, **more}
        status, said = self.bed.admin("PUT", "/_bed/stacks", {self.name: stack})
        assert status == 200, said

    def abandoned_lease(self) -> None:
        """What a run that was killed leaves in head.json."""
        s3 = self.bed.client("s3")
        key = f"{PREFIX}/{ACCOUNT}/{REGION}/{CLUSTER}/{self.name}/head.json"
        head = json.loads(s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())
        who = {"who": "arn:aws:iam::000000000000:user/ada", "host": "gone", "why": "", "since": "2026-01-01T00:00:00Z"}
        head["lease"] = {"nonce": "dead", "key": "dead/1/1", "ttl_s": 9, **who}
        s3.put_object(Bucket=self.bucket, Key=key, Body=json.dumps(head).encode())

    # -- making it -----------------------------------------------------------------------------------------------------

    def _register(self) -> str:
        self.bed.client("logs").create_log_group(logGroupName=f"/ecs/{self.name}")
        secret = self.bed.client("secretsmanager").create_secret(Name=self.name, SecretString="x")["ARN"]
        self.bed.client("ssm").put_parameter(Name=f"/{self.name}/key", Value="x", Type="String")
        parameter = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/{self.name}/key"
        container = {
            "name": "app",
            "image": f"{IMAGE}:v1",
            "portMappings": [{"containerPort": 80}],
            "environment": [{"name": "VERSION", "value": "1"}],
            "secrets": [{"name": "SECRET", "valueFrom": secret}, {"name": "KEY", "valueFrom": parameter}],
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": f"/ecs/{self.name}",
                    "awslogs-region": REGION,
                    "awslogs-stream-prefix": "app",
                },
            },
        }
        made = self.ecs.register_task_definition(
            family=self.name, networkMode="awsvpc", requiresCompatibilities=["EC2", "FARGATE"], cpu="256", memory="512",
            executionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/execution", taskRoleArn=f"arn:aws:iam::{ACCOUNT}:role/task",
            containerDefinitions=[container], tags=[{"key": "team", "value": "web"}],
        )  # fmt: skip
        return str(made["taskDefinition"]["taskDefinitionArn"])

    def _create(self, count: int) -> None:
        """On instances of the cluster's own, which preflight looks at."""
        totals = [{"name": name, "type": "INTEGER", "integerValue": 65536} for name in ("CPU", "MEMORY")]
        identity = json.dumps({"instanceId": f"i-{uuid.uuid4().hex[:17]}"})
        self.ecs.register_container_instance(cluster=CLUSTER, instanceIdentityDocument=identity, totalResources=totals)
        self.ecs.create_service(
            cluster=CLUSTER, serviceName=self.name, taskDefinition=self.definition, desiredCount=count,
            launchType="EC2", networkConfiguration=NETWORK, deploymentConfiguration=BREAKER,
            healthCheckGracePeriodSeconds=60,
            loadBalancers=[{"targetGroupArn": self.group, "containerName": "app", "containerPort": 80}],
        )  # fmt: skip
        cloudwatch, watched = self.bed.client("cloudwatch"), {"Namespace": "Web", "Dimensions": [DIMENSION]}
        data = {"MetricName": METRIC, "Dimensions": [DIMENSION], "Value": 0.0}
        cloudwatch.put_metric_data(Namespace="Web", MetricData=[data])
        cloudwatch.put_metric_alarm(
            AlarmName=self.name, MetricName=METRIC, Statistic="Maximum", Period=60, EvaluationPeriods=1, Threshold=0,
            ComparisonOperator="GreaterThanThreshold", **watched,
        )  # fmt: skip
        alarms = {"alarmNames": [self.name], "enable": True, "rollback": True}
        self.ecs.update_service(
            cluster=CLUSTER, service=self.name, deploymentConfiguration={**BREAKER, "alarms": alarms}
        )


def furnish(bed: Bed) -> None:
    """The image that all stages share."""
    ecr = bed.client("ecr")
    ecr.create_repository(repositoryName=REPOSITORY)
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    manifest = {"schemaVersion": 2, "mediaType": kind, "config": {"digest": CONFIG}, "layers": []}
    commit = {"config": {"Labels": {"org.opencontainers.image.revision": COMMIT}}}
    bed.admin("PUT", "/_bed/layers", {CONFIG: commit})
    ecr.put_image(repositoryName=REPOSITORY, imageManifest=json.dumps(manifest), imageTag="v1")
    digest = ecr.describe_images(repositoryName=REPOSITORY)["imageDetails"][0]["imageDigest"]
    image = {"command": ["python", "-m", "testbed.app.echo"], "digest": digest}
    status, said = bed.admin("PUT", "/_bed/images", {IMAGE: image})
    assert status == 200, said
