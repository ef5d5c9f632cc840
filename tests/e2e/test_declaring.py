"""A whole task definition from a file, in each form that people have it in (docs/declaring.md)."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.e2e.conftest import Checkout
from tests.e2e.test_release import declare
from tests.e2e.test_way_back import play

FILES = {
    "web.json": "from_json",
    "web.yml": "from_yaml",
    "pasted.json": "from_json",
}


def looked_up(name: str, reads: str, how: str = "file") -> str:
    return f"{{{{ lookup('ansible.builtin.{how}', inventory_dir ~ '/../definitions/{name}') | {reads} }}}}"


@pytest.mark.walk
def test_yaml_json_a_template_and_a_pasted_answer_say_the_same(checkout: Checkout) -> None:
    checkout.prepare("--engine", "none")
    ecs, folder = checkout.client("ecs"), checkout.path / "inventories/definitions"
    folder.mkdir()
    answer = ecs.describe_task_definition(taskDefinition=checkout.revision(), include=["TAGS"])
    answer.pop("ResponseMetadata")
    content = json.loads(json.dumps(answer["taskDefinition"], default=str))
    request = {
        name: value
        for name, value in content.items()
        if name in ecs.meta.service_model.operation_model("RegisterTaskDefinition").input_shape.members
    }
    (folder / "pasted.json").write_text(json.dumps({"taskDefinition": content, "tags": answer.get("tags", [])}))
    (folder / "web.json").write_text(json.dumps(request))
    (folder / "web.yml").write_text(yaml.safe_dump(request))
    templated = json.dumps({**request, "cpu": "THE CPU"}).replace("THE CPU", "{{ web_cpu }}")
    (folder / "web.json.j2").write_text(templated)
    declare(checkout, rollout_changes={}, target_group_attributes={}, web_cpu=content["cpu"])
    forms = [looked_up(name, reads) for name, reads in FILES.items()]
    forms.append(looked_up("web.json.j2", "from_yaml", "template"))
    for form in forms:
        declare(checkout, rollout_task_definition=form)
        assert "unchanged: no difference" in play(checkout, "deploy", "--check"), form
    declare(checkout, web_cpu="2048" if content["cpu"] != "2048" else "1024")
    said = play(checkout, "deploy", "--check", "--diff")
    assert "check mode: 1 difference would be settled" in said and "task definition: cpu" in said
