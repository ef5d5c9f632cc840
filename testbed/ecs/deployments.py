"""Deployments: how one begins, and the service-deployment API (List/Describe/StopServiceDeployment, revisions).

Source: "View service history using Amazon ECS service deployments",
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-deployment.html
"""

import secrets

from ..strict import reads
from ..wire import AwsError, Params, now, page
from . import rules, strategies
from .state import Deployment, Rollout, Service, State, counts, digests, fargate

REPLACED = "A newer deployment replaced this one."
OF_THE_REVISION = (  # a change of these deploys anew
    *("networkConfiguration", "loadBalancers", "platformVersion", "volumeConfigurations"),
    "serviceConnectConfiguration",
)


class Deployments(State):
    def begin_deployment(self, service: Service, before: int = 0) -> None:
        """A new PRIMARY deployment of what the service now says, with its service deployment. `before`: its desired
        count until now."""
        token, breaker = secrets.token_hex(8), service.configuration["deploymentCircuitBreaker"]
        tail = f"{service.cluster.name}/{service.name}/{token}"
        sources = [(d, self._counts_of(d)["runningCount"]) for d in service.deployments]
        shifts = strategies.shifts(service.configuration)
        unfinished = [d for d in service.deployments if d is not service.last_completed]
        for old in service.deployments:
            alive = sum(t.alive for t in self.tasks.values() if t.deployment is old)
            if shifts or old is not service.last_completed:
                old.kept = 0
            elif old is service.primary:
                old.kept = max(alive, min(before, service.desired))
            elif not old.kept:
                old.kept = alive  # it was spared by a deployment that shifted traffic and failed
            if old.rollout and old.rollout.status in ("PENDING", "IN_PROGRESS", "ROLLBACK_REQUESTED"):
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
            replaces=service.last_completed,
            requested=service.desired,
            threshold=rules.threshold(service.configuration, service.desired),
            # It "can only be used for services using the rolling update deployment type" (DeploymentConfiguration).
            breaker="MONITORING" if breaker["enable"] and not shifts else "DISABLED",
            alarms="MONITORING" if service.configuration.get("alarms", {}).get("enable") else "DISABLED",
        )
        if shifts:
            first = service.last_completed is None
            new.rollout.stages = strategies.stages(service.configuration, first, reconciles=bool(unfinished))
        self.rollouts[new.rollout.arn] = new.rollout
        self.revisions[new.revision] = self._revision(service, new)
        self.wake()

    def succeed(self, rollout: Rollout) -> None:
        """ "After the deployment completes, the task counts are a snapshot from when the deployment completed" (guide,
        early-success-criteria)."""
        sides = [rollout.target, *(deployment for deployment, _ in rollout.sources)]
        rollout.counted = {each: self._counts_of(each) for each in sides}
        rollout.become("SUCCESSFUL", over=True)

    def make_primary(self, service: Service, revision: str) -> Deployment:
        """A deployment of the service's definition and settings in front of the others, which become ACTIVE and go."""
        for old in service.deployments:
            old.status = "ACTIVE"
        new = Deployment(
            id=f"ecs-svc/{secrets.randbelow(10**19):019d}",
            revision=revision,
            definition=service.definition,
            settings={k: service.settings[k] for k in OF_THE_REVISION if k in service.settings},
            balancers=self.balancers(service, revision),
        )
        # Version consistency: a service revision that comes back brings its images, whatever their tags say by now.
        known = self.revisions.get(revision, {}).get("containerImages", [])
        new.digests = {each["containerName"]: each["imageDigest"] for each in known} or digests(service.definition)
        new.reason = f"ECS deployment {new.id} in progress."
        service.deployments.insert(0, new)
        return new

    def balancers(self, service: Service, revision: str = "") -> list[Params]:
        """The load balancers of a service revision: of one that comes back, those that it had."""
        last = service.last_completed
        if last is not None and last.revision == revision:
            return last.balancers
        source = last.balancers if last else []
        return strategies.resolved(service.settings["loadBalancers"], source, service.configuration)

    def _counts_of(self, deployment: Deployment) -> Params:
        return counts([t for t in self.tasks.values() if t.deployment is deployment])

    def _revision(self, service: Service, deployment: Deployment) -> Params:
        return {
            "serviceRevisionArn": deployment.revision,
            "serviceArn": service.arn,
            "clusterArn": service.cluster.arn,
            "taskDefinition": deployment.definition.arn,
            **fargate(service),
            "loadBalancers": deployment.settings.get("loadBalancers", []),
            "resolvedConfiguration": {
                "loadBalancers": [
                    {
                        "targetGroupArn": each["targetGroupArn"],
                        "productionListenerRule": each.get("advancedConfiguration", {}).get("productionListenerRule"),
                    }
                    for each in deployment.balancers
                ]
            },
            "networkConfiguration": deployment.settings.get("networkConfiguration"),
            "volumeConfigurations": deployment.settings.get("volumeConfigurations", []),
            "serviceConnectConfiguration": deployment.settings.get("serviceConnectConfiguration"),
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
        running = rollout.counted.get(target) or self._counts_of(target)
        return {
            **self._common(rollout),
            "stoppedAt": rollout.stopped,
            "updatedAt": rollout.updated,
            "lifecycleStage": rollout.stage.shown if rollout.stage else None,
            "lifecycleHookDetails": rollout.hooks,
            "sourceServiceRevisions": [self._share(rollout, d, n) for d, n in rollout.sources],
            "targetServiceRevision": {
                "arn": target.revision,
                "requestedTaskCount": rollout.requested,
                "runningTaskCount": running["runningCount"],
                "pendingTaskCount": running["pendingCount"],
                **_traffic(rollout, rollout.percent, rollout.test_percent),
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

    def _share(self, rollout: Rollout, deployment: Deployment, requested: int) -> Params:
        found = rollout.counted.get(deployment) or self._counts_of(deployment)
        serves = rollout.replaces is deployment
        left = (100 - rollout.percent, 100 - rollout.test_percent) if serves else (0.0, 0.0)
        return {
            "arn": deployment.revision,
            "requestedTaskCount": requested,
            "runningTaskCount": found["runningCount"],
            "pendingTaskCount": found["pendingCount"],
            **_traffic(rollout, *left),
        }

    def _common(self, rollout: Rollout) -> Params:
        """What ServiceDeployment and ServiceDeploymentBrief both have (API reference)."""
        return {
            "serviceDeploymentArn": rollout.arn,
            "serviceArn": rollout.service.arn,
            "clusterArn": rollout.service.cluster.arn,
            "createdAt": rollout.created,
            "startedAt": rollout.started,
            "finishedAt": rollout.finished,
            "status": rollout.status,
            "statusReason": rollout.reason,
        }

    @reads("service", "cluster", "status", "createdAt", "nextToken", "maxResults")
    def list_service_deployments(self, p: Params) -> Params:
        """Newest first, "up to 20" a page unless asked otherwise (API reference, ListServiceDeployments)."""
        service, window = self.service(p), p.get("createdAt", {})
        wanted = [
            r
            for r in reversed(self.rollouts.values())
            if r.service is service
            and service.controller == "ECS"
            and r.status in (p.get("status") or [r.status])
            and window.get("after", r.created) <= r.created <= window.get("before", r.created)
        ]
        items, token = page(wanted, p, 20, "maxResults", "nextToken")
        briefs = [{**self._common(r), "targetServiceRevisionArn": r.target.revision} for r in items]
        return {"serviceDeployments": briefs, "nextToken": token}

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
        """API reference, StopServiceDeployment: "stopType: the valid values are ROLLBACK". One that is being stopped or
        rolled back goes on with it ("Stopping Amazon ECS service deployments")."""
        rollout = self.rollouts.get(p["serviceDeploymentArn"])
        if rollout is None:
            raise AwsError("ServiceDeploymentNotFoundException", "Service deployment not found.")
        if p.get("stopType", "ROLLBACK") != "ROLLBACK":
            raise AwsError("InvalidParameterException", f"stopType {p['stopType']} is not supported.")
        if rollout.status in ("STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"):
            return {"serviceDeploymentArn": rollout.arn}
        cleans = rollout.stage is not None and rollout.stage.name == "CLEAN_UP"  # the old tasks are going
        if rollout.status not in ("PENDING", "IN_PROGRESS") or cleans:
            raise AwsError("ConflictException", f"Service deployment in status {rollout.status} cannot be stopped.")
        rollout.become("ROLLBACK_REQUESTED", "Service deployment was stopped by the user.")
        rollout.stopped = now()
        self.wake()
        return {"serviceDeploymentArn": rollout.arn}

    @reads("serviceDeploymentArn", "hookId", "action")
    def continue_service_deployment(self, p: Params) -> Params:
        """ "The pause hook must be in AWAITING_ACTION status", the deployment IN_PROGRESS ("Continuing Amazon ECS
        service deployments"); both are refused alike here, for the page names no codes."""
        rollout = self.rollouts.get(p["serviceDeploymentArn"])
        if rollout is None:
            raise AwsError("ServiceDeploymentNotFoundException", "Service deployment not found.")
        waiting = [h for h in rollout.hooks if (h["hookId"], h["status"]) == (p["hookId"], strategies.WAITING)]
        if rollout.status != "IN_PROGRESS" or not waiting:
            raise AwsError("InvalidParameterException", f"Hook {p['hookId']} does not await an action.")
        waiting[0]["status"] = "SUCCEEDED" if p.get("action", "CONTINUE") == "CONTINUE" else "FAILED"
        self.wake()
        return {"serviceDeploymentArn": rollout.arn}


def _traffic(rollout: Rollout, production: float, test: float) -> Params:
    if not rollout.stages:
        return {}
    return {"requestedProductionTrafficWeight": production, "requestedTestTrafficWeight": test}
