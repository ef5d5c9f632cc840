"""Moves a deployment that shifts traffic through its stages: hooks, listener rules, bake times.

Source: "Amazon ECS blue/green service deployments workflow",
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/blue-green-deployment-how-it-works.html, and those of linear
and canary deployments. The numbers are in ecs/strategies.py; tasks are started and stopped by rollout.py.
"""

import secrets
import time
from dataclasses import replace

from .ecs import Ecs, strategies
from .ecs.state import Deployment, Rollout, Service
from .ecs.strategies import Stage
from .wire import Params, now

UNDECIDED = (strategies.WAITING, strategies.WORKING)
SWITCHED_BACK = "Service deployment was rolled back by a lifecycle hook."


class Shifting:
    def __init__(self, scale: float) -> None:
        self.scale = scale

    def advance(self, ecs: Ecs, service: Service, rollout: Rollout, steady: bool, others_gone: bool) -> str | None:
        """One step; why the deployment has to go back, if a hook says so. `steady`: all new tasks are healthy;
        `others_gone`: only the source's tasks are left beside them."""
        if not rollout.entered:
            self._enter(ecs, service, rollout)
        for hook in rollout.hooks:
            if hook["status"] == strategies.WORKING:
                hook["status"] = ecs.hooks.get(hook["targetArn"], "SUCCEEDED")
            if hook["status"] in UNDECIDED and now() >= hook["expiresAt"]:
                hook["status"] = "TIMED_OUT"
                if hook["timeoutAction"] == "ROLLBACK":
                    return SWITCHED_BACK
        if any(hook["status"] == "FAILED" for hook in rollout.hooks):
            return SWITCHED_BACK
        if any(hook["status"] in UNDECIDED for hook in rollout.hooks) or time.monotonic() < rollout.until:
            return None
        stage = rollout.stages[rollout.at]
        met = {"SCALE_UP": steady, "RECONCILE_SERVICE": others_gone, "CLEAN_UP": False}.get(stage.name, True)
        if met:
            rollout.at, rollout.entered, rollout.updated = rollout.at + 1, False, now()
        return None

    def _enter(self, ecs: Ecs, service: Service, rollout: Rollout) -> None:
        stage = rollout.stages[rollout.at]
        rollout.entered, rollout.until = True, time.monotonic() + stage.minutes * 60 * self.scale
        if rollout.at == 0:
            self._shift(ecs, rollout, 0.0 if service.last_completed else 100.0)
        if stage.percent is not None:
            self._shift(ecs, rollout, stage.percent)
        if stage.name == "TEST_TRAFFIC_SHIFT":
            self._test(ecs, rollout.target)
            rollout.test_percent = 100.0
        if stage.name == "CLEAN_UP":
            service.last_completed = rollout.target
        self._begin_hooks(rollout, stage)

    def _begin_hooks(self, rollout: Rollout, stage: Stage) -> None:
        for hook in rollout.configuration.get("lifecycleHooks", []):
            if stage.name in hook["lifecycleStages"]:
                limits = hook.get("timeoutConfiguration", {})
                minutes = limits.get("timeoutInMinutes", strategies.PAUSED_FOR)
                pauses = hook.get("targetType", "AWS_LAMBDA") == "PAUSE"
                rollout.hooks.append(
                    {
                        "hookId": f"ecs-{'pause' if pauses else 'hook'}-{secrets.token_urlsafe(32)}",
                        "targetType": "PAUSE" if pauses else "AWS_LAMBDA",
                        "targetArn": hook.get("hookTargetArn"),
                        "status": strategies.WAITING if pauses else strategies.WORKING,
                        "expiresAt": now() + minutes * 60 * self.scale,
                        "timeoutAction": limits.get("action", strategies.PAUSES_END),
                    }
                )

    def go_back(self, ecs: Ecs, rollout: Rollout, onto: Deployment) -> None:
        """All traffic to what was there before."""
        if rollout.percent or rollout.test_percent:
            self._shift(ecs, rollout, 0.0)
            self._test(ecs, onto)
            rollout.test_percent = 0.0

    def _shift(self, ecs: Ecs, rollout: Rollout, percent: float) -> None:
        new, old = strategies.weights(percent)
        for balancer in rollout.target.balancers:
            _forward(ecs, balancer, balancer["advancedConfiguration"]["productionListenerRule"], new, old)
        rollout.percent = percent

    def _test(self, ecs: Ecs, onto: Deployment) -> None:
        for balancer in onto.balancers:
            rule = balancer.get("advancedConfiguration", {}).get("testListenerRule")
            if rule:
                _forward(ecs, balancer, rule, 100, 0)


def _forward(ecs: Ecs, balancer: Params, arn: str, own: int, other: int) -> None:
    """Rewrite a rule so that it forwards to both groups of a pair, by weight; AwsError where that may not be."""
    listener, rule = ecs.elbv2.rule(arn)
    groups = [
        {"TargetGroupArn": each, "Weight": own if each == balancer["targetGroupArn"] else other}
        for each in balancer["pair"]
    ]
    config = {**rule.actions[-1]["ForwardConfig"], "TargetGroups": groups}
    actions = [{"Type": "forward", "ForwardConfig": config}]
    ecs.elbv2.check_stickiness(actions)
    listener.put(replace(rule, actions=actions))
    ecs.elbv2.changed()
