"""The model plays what Ansible would play: its arguments are those of Ansible's own templating, its answers AWS's."""

from __future__ import annotations

from typing import Any

import pytest
from ansible._internal._templating._utils import Omit
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from tests.faults.model import plays, scenarios, wire
from tests.faults.model.cloud import BUCKET
from tests.faults.model.scenarios import PREFIX, SCENARIOS, Scenario
from tests.faults.model.stand_ins import installed
from tests.faults.model.wire import Client, Run, model, operations, set_current


def trusted(value: Any) -> Any:
    """As if it had been read from a file of the project."""
    if isinstance(value, str):
        return trust_as_template(value)
    if isinstance(value, dict):
        return {key: trusted(item) for key, item in value.items()}
    return [trusted(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_each_task_is_given_what_ansible_would_give_it(scenario: Scenario) -> None:
    """So a change of the YAML is played as Ansible will, and a form of Jinja that is misread here is noticed."""
    cloud = scenario.start()
    run = Run(cloud)
    variables = {**scenario.command.variables, "release_store": f"s3://{BUCKET}/{PREFIX}"}
    play = plays.Play(run, variables, asked=[])
    set_current(run)
    with installed(lambda store: store):
        assert play.play(scenario.command.playbook).word == scenario.ends
    assert play.asked
    for each in play.asked:
        templar = Templar(DataLoader(), variables={**trusted(dict(each.scope.raw)), "omit": Omit})
        assert templar.template(trusted(each.raw)) == each.arguments, each.module


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_the_answers_have_the_shape_that_aws_documents(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown: set[str] = set()
    call = Client._call

    def checked(self: Client, method: str, **arguments: Any) -> Any:
        answer = call(self, method, **arguments)
        shape = model(self._service).operation_model(operations(self._service)[method]).output_shape
        unknown.update(f"{method}: {each}" for each in _unknown(answer, shape, "") if each != "ResponseMetadata")
        return answer

    monkeypatch.setattr(wire.Client, "_call", checked)
    scenarios.play(scenario.start(), scenario.command)
    assert not unknown


def _unknown(value: Any, shape: Any, path: str) -> list[str]:
    """Members that botocore's model does not have."""
    if isinstance(value, list) and shape.type_name == "list":
        return [each for item in value for each in _unknown(item, shape.member, path)]
    if not isinstance(value, dict) or shape.type_name != "structure":
        return []
    found = [f"{path}{name}" for name in value if name not in shape.members]
    for name in value.keys() & shape.members.keys():
        found += _unknown(value[name], shape.members[name], f"{path}{name}.")
    return found


def test_a_request_that_botocore_would_refuse_ends_the_plan() -> None:
    with pytest.raises(wire.NotModelled, match="taskDefinition"):
        wire.check("ecs", "update_service", {"cluster": "c", "service": "s", "taskDefinition": 7})
