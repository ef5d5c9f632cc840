"""Listeners and their rules: HTTP only."""

import errno
import socket

from ..strict import reads
from ..wire import AwsError, Params
from . import actions, conditions
from .model import Json, Listener, Rule, forwards_to
from .state import State, refused, tags_of, within

ACTION = ("Type", "Order", "TargetGroupArn", "ForwardConfig", "FixedResponseConfig")
DEFAULT_ACTIONS = tuple(f"DefaultActions.{member}" for member in ACTION)
ACTIONS = tuple(f"Actions.{member}" for member in ACTION)


class Listeners(State):
    @reads("LoadBalancerArn", "Port", "Protocol", "Tags", *DEFAULT_ACTIONS)
    def create_listener(self, params: Params) -> Params:
        balancer = self.balancer(params["LoadBalancerArn"])
        port = self._free_port(balancer.arn, params.get("Port"), params.get("Protocol"))
        tags = tags_of(params.get("Tags", []))
        stored = self._actions(balancer.arn, params["DefaultActions"])
        name = balancer.arn.split("/", 2)[2]
        arn = self.new_arn("listener/app", name)
        rule = Rule(self.new_arn("listener-rule/app", arn.split("/", 2)[2]), None, [], stored)
        self.listeners[arn] = Listener(arn, balancer.arn, port, (rule,))
        self.tags[arn] = tags
        self.changed()
        return {"Listeners": [self.listeners[arn].view()]}

    def _free_port(self, balancer: str, port: int | None, protocol: str | None) -> int:
        """The port, if a listener of this balancer can be opened there."""
        if not port or not protocol:
            raise AwsError("ValidationError", f"A listener {'protocol' if port else 'port'} must be specified")
        within("Port", port, 1, 65535)
        if protocol != "HTTP":
            raise refused(f"listeners with the protocol {protocol}")
        if any((found.balancer, found.port) == (balancer, port) for found in self.listeners.values()):
            text = f"A listener already exists on this port for this load balancer '{balancer}'"
            raise AwsError("DuplicateListener", text)
        where = self.balancers[balancer].address, port
        try:
            socket.create_server(where).close()
        except OSError as e:
            why = errno.errorcode.get(e.errno or 0, str(e))
            raise refused(
                f"a listener on {where[0]}:{port}: this machine does not let it listen there ({why})"
            ) from None
        return port

    def _actions(self, balancer: str, wanted: list[Json]) -> list[Json]:
        """Checked actions; a target group can be used "with only one load balancer" (API reference, TargetGroup)."""
        stored = actions.checked(wanted, self.group)
        self.check_stickiness(stored)
        for arn, _ in forwards_to(stored):
            if set(self.balancers_of(arn)) - {balancer}:
                text = f"The following target groups cannot be associated with more than one load balancer: {arn}"
                raise AwsError("TargetGroupAssociationLimit", text)
        return stored

    @reads("LoadBalancerArn", "ListenerArns", "Marker", "PageSize")
    def describe_listeners(self, params: Params) -> Params:
        if bool(params.get("LoadBalancerArn")) == bool(params.get("ListenerArns")):
            raise AwsError("ValidationError", "You must specify either listener ARNs or a load balancer ARN")
        if arns := params.get("ListenerArns"):
            found = [self.listener(arn) for arn in arns]
        else:
            balancer = self.balancer(params["LoadBalancerArn"])
            found = [listener for listener in self.listeners.values() if listener.balancer == balancer.arn]
        items, marker = self.page(found, params)
        return {"Listeners": [listener.view() for listener in items], "NextMarker": marker}

    @reads("ListenerArn", "Port", "Protocol", *DEFAULT_ACTIONS)
    def modify_listener(self, params: Params) -> Params:
        """ "Any properties that you do not specify remain unchanged" (API reference)."""
        listener = self.listener(params["ListenerArn"])
        if params.get("Protocol", "HTTP") != "HTTP":
            raise refused(f"listeners with the protocol {params['Protocol']}")
        stored = self._actions(listener.balancer, params["DefaultActions"]) if "DefaultActions" in params else None
        if params.get("Port", listener.port) != listener.port:
            listener.port = self._free_port(listener.balancer, params["Port"], "HTTP")
        if stored is not None:
            listener.put(Rule(listener.rules[-1].arn, None, [], stored))
        self.changed()
        return {"Listeners": [listener.view()]}

    @reads("ListenerArn")
    def delete_listener(self, params: Params) -> Params:
        listener = self.listener(params["ListenerArn"])
        for arn in (listener.arn, *(rule.arn for rule in listener.rules)):
            self.tags.pop(arn, None)
        del self.listeners[listener.arn]
        self.changed()
        return {}

    @reads("ListenerArn", "Priority", "Conditions", "Tags", *ACTIONS)
    def create_rule(self, params: Params) -> Params:
        listener, priority = self.listener(params["ListenerArn"]), params["Priority"]
        within("Priority", priority, 1, 50000)
        if any(rule.priority == priority for rule in listener.rules):
            raise AwsError("PriorityInUse", f"Priority '{priority}' is currently in use")
        tags = tags_of(params.get("Tags", []))
        stored = self._actions(listener.balancer, params["Actions"])
        arn = self.new_arn("listener-rule/app", listener.arn.split("/", 2)[2])
        rule = Rule(arn, priority, conditions.checked(params["Conditions"]), stored)
        listener.put(rule)
        self.tags[arn] = tags
        self.changed()
        return {"Rules": [rule.view()]}

    @reads("ListenerArn", "RuleArns", "Marker", "PageSize")
    def describe_rules(self, params: Params) -> Params:
        if bool(params.get("ListenerArn")) == bool(params.get("RuleArns")):
            raise AwsError("ValidationError", "You must specify either listener rule ARNs or a listener ARN")
        if arns := params.get("RuleArns"):
            found = [self.rule(arn)[1] for arn in arns]
        else:
            found = list(self.listener(params["ListenerArn"]).rules)
        items, marker = self.page(found, params)
        return {"Rules": [rule.view() for rule in items], "NextMarker": marker}

    @reads("RuleArn")
    def delete_rule(self, params: Params) -> Params:
        listener, rule = self.rule(params["RuleArn"])
        if rule.priority is None:
            raise AwsError("OperationNotPermitted", f"Default rule '{rule.arn}' cannot be deleted")
        listener.remove(rule.arn)
        self.tags.pop(rule.arn, None)
        self.changed()
        return {}
