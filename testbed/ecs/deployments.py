"""Deployments: how one begins, and the service-deployment API (List/Describe/StopServiceDeployment, revisions).

Source: "View service history using Amazon ECS service deployments",
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html
"""

import secrets

from ..strict import reads
from ..wire import AwsError, Params, now, page
from . import rules
from .state import Deployment, Rollout, Service, State, counts, digests

REPLACED = "A newer deployment replaced this one."
OF_THE_REVISION = ("networkConfiguration", "loadBalancers", "platformVersion")  # a change of these deploys anew


class Deployments(State):
    def begin_deployment(self, service: Service) -> None:
        """A new PRIMARY deployment of what the service now says, with its service deployment."""
        token = secrets.token_hex(8)
        tail = f"{service.cluster.name}/{service.name}/{token}"
        sources = [(d, self._counts_of(d)["runningCount"]) for d in service.deployments]
        for old in service.deployments:
            if old.rollout and old.rollout.status in ("IN_PROGRESS", "ROLLBACK_REQUESTED"):
                old.rollout.become("STOP_REQUESTED", REPLACED)
            if old.rolls_back:  # AWS does not document the end of a rollback that a newer deployment replaces
                old.rolls_back.become("STOPPED", REPLACED, over=True)
                old.rolls_back = None
        new = self.make_primary(service, f"{self.prefix}service-revision/{tail}")
        new.rollout = Rollout(
            arn=f"{self.prefix}service-deployment/{tail}",
            service=service,
            target=new,
            configuration=service.configuration,
            sources=sources,
            requested=service.desired,
            threshold=rules.threshold(service.configuration, service.desired),
            breaker="MONITORING" if service.configuration["deploymentCircuitBreaker"]["enable"] else "DISABLED",
            alarms="MONITORING" if service.configuration.get("alarms", {}).get("enable") else "DISABLED",
        )
        self.rollouts[new.rollout.arn] = new.rollout
        self.revisions[new.revision] = self._revision(service, new)
        self.wake()

    def make_primary(self, service: Service, revision: str) -> Deployment:
        """A deployment of the service's definition and settings in front of the others, which become ACTIVE and go."""
        for old in service.deployments:
            old.status = "ACTIVE"
        new = Deployment(
            id=f"ecs-svc/{secrets.randbelow(10**19):019d}",
            revision=revision,
            definition=service.definition,
            settings={k: service.settings[k] for k in OF_THE_REVISION if k in service.settings},
        )
        # Version consistency: a service revision that comes back brings its images, whatever their tags say by now.
        known = self.revisions.get(revision, {}).get("containerImages", [])
        new.digests = {each["containerName"]: each["imageDigest"] for each in known} or digests(service.definition)
        new.reason = f"ECS deployment {new.id} in progress."
        service.deployments.insert(0, new)
        return new

    def _counts_of(self, deployment: Deployment) -> Params:
        return counts([t for t in self.tasks.values() if t.deployment is deployment])

    def _revision(self, service: Service, deployment: Deployment) -> Params:
        return {
            "serviceRevisionArn": deployment.revision,
            "serviceArn": service.arn,
            "clusterArn": service.cluster.arn,
            "taskDefinition": deployment.definition.arn,
            "launchType": "FARGATE",
            "platformVersion": "1.4.0",
            "platformFamily": "Linux",
            "loadBalancers": deployment.settings.get("loadBalancers", []),
            "networkConfiguration": deployment.settings.get("networkConfiguration"),
            "containerImages": [
                {"containerName": c["name"], "image": c["image"], "imageDigest": deployment.digests[c["name"]]}
                for c in deployment.definition.containers
            ],
            "guardDutyEnabled": False,
            "createdAt": deployment.created,
        }

    def _rollout_view(self, rollout: Rollout) -> Params:
        target = rollout.target
        alarms = rollout.configuration.get("alarms", {})
        running = self._counts_of(target)
        return {
            **self._brief(rollout),
            "stoppedAt": rollout.stopped,
            "updatedAt": rollout.updated,
            "sourceServiceRevisions": [self._share(d, n) for d, n in rollout.sources],
            "targetServiceRevision": {
                "arn": target.revision,
                "requestedTaskCount": rollout.requested,
                "runningTaskCount": running["runningCount"],
                "pendingTaskCount": running["pendingCount"],
            },
            "deploymentConfiguration": rollout.configuration,
            "rollback": rollout.rollback,
            "deploymentCircuitBreaker": {
                "status": rollout.breaker,
                "failureCount": rollout.failures,
                "threshold": rollout.threshold,
            },
            "alarms": {
                "status": rollout.alarms,
                "alarmNames": alarms.get("alarmNames", []),
                "triggeredAlarmNames": rollout.triggered,
            },
        }

    def _share(self, deployment: Deployment, requested: int) -> Params:
        found = self._counts_of(deployment)
        return {
            "arn": deployment.revision,
            "requestedTaskCount": requested,
            "runningTaskCount": found["runningCount"],
            "pendingTaskCount": found["pendingCount"],
        }

    def _brief(self, rollout: Rollout) -> Params:
        return {
            "serviceDeploymentArn": rollout.arn,
            "serviceArn": rollout.service.arn,
            "clusterArn": rollout.service.cluster.arn,
            "createdAt": rollout.created,
            "startedAt": rollout.created,
            "finishedAt": rollout.finished,
            "targetServiceRevisionArn": rollout.target.revision,
            "status": rollout.status,
            "statusReason": rollout.reason,
        }

    @reads("service", "cluster", "status", "createdAt", "nextToken", "maxResults")
    def list_service_deployments(self, p: Params) -> Params:
        """Newest first."""
        service, window = self.service(p), p.get("createdAt", {})
        wanted = [
            r
            for r in reversed(self.rollouts.values())
            if r.service is service
            and r.status in (p.get("status") or [r.status])
            and window.get("after", r.created) <= r.created <= window.get("before", r.created)
        ]
        items, token = page(wanted, p, 100, "maxResults", "nextToken")
        return {"serviceDeployments": [self._brief(r) for r in items], "nextToken": token}

    @reads("serviceDeploymentArns")
    def describe_service_deployments(self, p: Params) -> Params:
        arns = p["serviceDeploymentArns"]
        if not 0 < len(arns) <= 20:
            raise AwsError("InvalidParameterException", "Between 1 and 20 service deployments can be described.")
        return {
            "serviceDeployments": [self._rollout_view(self.rollouts[a]) for a in arns if a in self.rollouts],
            "failures": [self.missing(a) for a in arns if a not in self.rollouts],
        }

    @reads("serviceRevisionArns")
    def describe_service_revisions(self, p: Params) -> Params:
        arns = p["serviceRevisionArns"]
        if not 0 < len(arns) <= 20:
            raise AwsError("InvalidParameterException", "Between 1 and 20 service revisions can be described.")
        return {
            "serviceRevisions": [self.revisions[a] for a in arns if a in self.revisions],
            "failures": [self.missing(a) for a in arns if a not in self.revisions],
        }

    @reads("serviceDeploymentArn", "stopType")
    def stop_service_deployment(self, p: Params) -> Params:
        """API reference, StopServiceDeployment: "stopType: the valid values are ROLLBACK"."""
        rollout = self.rollouts.get(p["serviceDeploymentArn"])
        if rollout is None:
            raise AwsError("ServiceDeploymentNotFoundException", "Service deployment not found.")
        if p.get("stopType", "ROLLBACK") != "ROLLBACK":
            raise AwsError("InvalidParameterException", f"stopType {p['stopType']} is not supported.")
        if rollout.status not in ("PENDING", "IN_PROGRESS"):
            raise AwsError("ConflictException", f"Service deployment in status {rollout.status} cannot be stopped.")
        rollout.become("ROLLBACK_REQUESTED", "Service deployment was stopped by the user.")
        rollout.stopped = now()
        self.wake()
        return {"serviceDeploymentArn": rollout.arn}
