# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The collection as a file: what is in it, and that somebody who has nothing else gets all the way with it."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import tarfile
from pathlib import Path

import pytest
import yaml
from ansible_collections.steady.ecs.plugins.module_utils.rules import records

from tests.build.conftest import Operator
from tests.e2e.conftest import CLUSTER, SERVICE, Checkout

ROOT = Path(__file__).parents[2]
DURATION = "stickiness.lb_cookie.duration_seconds"
ALWAYS = {
    "CHANGELOG.md",
    "FILES.json",
    "LICENSE",
    "MANIFEST.json",
    "README.md",
    "docs",
    "meta",
    "playbooks",
    "plugins",
    "roles",
}
SOMETIMES = {"changelogs", "tests"}
SUFFIXES = {
    "docs": {".json", ".md", ".service", ".timer", ".yaml", ".yml"},
    "meta": {".yml"},
    "playbooks": {".yml"},
    "plugins": {".py"},
    "roles": {".yml", ".md"},
    "changelogs": {".yaml"},
    "tests": {".txt", ".yml"},
}
PRIVATE = re.compile(r"emulator-secret|canary-|AKIA[A-Z0-9]{12}|BEGIN [A-Z ]*PRIVATE KEY|/work/|\.state/")


def names(packed: list[tarfile.TarInfo]) -> list[Path]:
    return [Path(each.name) for each in packed if each.isfile()]


# -- what is in it


def test_exactly_what_belongs_is_packed(packed: list[tarfile.TarInfo]) -> None:
    tops = {each.parts[0] for each in names(packed)}
    assert tops >= ALWAYS
    assert tops - ALWAYS <= SOMETIMES
    for top, suffixes in SUFFIXES.items():
        assert {each.suffix for each in names(packed) if each.parts[0] == top} <= suffixes
    assert {each.parts[1] for each in names(packed) if each.parts[0] == "tests"} <= {"sanity", "config.yml"}
    assert {each.type for each in packed} <= {tarfile.REGTYPE, tarfile.DIRTYPE}, "no links: they would lead out"


def test_nothing_that_belongs_is_left_out(packed: list[tarfile.TarInfo]) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "plugins", "roles", "playbooks", "meta", "docs"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    wanted = {Path(each) for each in listed.stdout.splitlines() if (ROOT / each).exists()}
    assert wanted <= set(names(packed))


def test_nothing_private_is_packed(archive: Path) -> None:
    with tarfile.open(archive) as opened:
        guilty = {
            f"{each.name}: {found[0]}"
            for each in opened.getmembers()
            for file in [opened.extractfile(each)]
            if file is not None and (found := PRIVATE.search(file.read().decode("utf-8")))
        }
    assert not guilty


def test_a_plugin_imports_nothing_that_is_not_packed(packed: list[tarfile.TarInfo]) -> None:
    there = {str(each) for each in names(packed)}
    own = "ansible_collections.steady.ecs."
    missing = set()
    for path in (each for each in names(packed) if each.suffix == ".py"):
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
            module = getattr(node, "module", None) or ""
            if isinstance(node, ast.ImportFrom) and module.split(".")[0] in ("testbed", "tests"):
                missing.add(module)
            if isinstance(node, ast.ImportFrom) and module.startswith(own):
                place = module.removeprefix(own).replace(".", "/")
                below = {f"{place}/{alias.name}.py" for alias in node.names} & there
                if f"{place}.py" not in there and not below and place != "plugins":
                    missing.add(module)
    assert not missing


def test_the_manifest_says_what_galaxy_yml_and_the_code_say(archive: Path) -> None:
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
    with tarfile.open(archive) as opened:
        file = opened.extractfile("MANIFEST.json")
        assert file is not None
        info = json.load(file)["collection_info"]
    assert (info["namespace"], info["name"], info["version"]) == ("steady", "ecs", galaxy["version"])
    assert info["dependencies"] == galaxy["dependencies"]
    assert galaxy["version"] == records.TOOL, "release records name the version that wrote them"


# -- what somebody gets who installs it


@pytest.mark.walk
def test_it_is_installed_with_what_it_is_documented_by(operator: Operator) -> None:
    assert {each.name for each in operator.installed.iterdir()} >= ALWAYS - {"FILES.json"}
    listed = operator.run("ansible-doc", "-t", "module", "--list", "--json", "steady.ecs")
    assert listed.status == 0, listed.text
    modules = json.loads(listed.text[listed.text.index("{") :])
    assert set(modules) == {f"steady.ecs.{path.stem}" for path in (ROOT / "plugins/modules").glob("*.py")}
    for kind, name in (("module", "steady.ecs.deployment"), ("role", "steady.ecs.rollout")):
        shown = operator.run("ansible-doc", "-t", kind, name)
        assert (shown.status, "ERROR" in shown.text) == (0, False), shown.text


def lines_of_the_page() -> str:
    """The lines of shell that docs/outcome.md hands to scripts."""
    page = (ROOT / "docs/outcome.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (found,) = [each for each in blocks if "release_result_file" in each]
    return str(found)


@pytest.fixture(scope="module")
def imported(operator: Operator, production: Checkout) -> Operator:
    """The production service, written down in an empty folder."""
    operator.endpoint, url = production.bed["endpoint"], production.bed["url"]
    command = [
        "ansible-playbook", "steady.ecs.init",
        "-e", "service_region=us-east-1",
        "-e", f"service_cluster={CLUSTER}",
        "-e", f"service_name={SERVICE}",
    ]  # fmt: skip
    refused = operator.run(*command, "-e", f"service_url={url}", "-e", "init_folder=no-page")
    assert refused.status == 2, "the root of this site is no page, so it cannot be what a release is verified by"
    assert f"{url}: expected 200, found 404" in refused.text.replace("\n", " ")

    done = operator.run(*command, "-e", f"service_url={url}/api/health/coral")
    assert done.status == 0, done.text
    assert "outcome: proven" in done.text
    return operator


@pytest.mark.walk
def test_a_running_service_is_imported_released_verified_and_taken_back(
    imported: Operator, production: Checkout
) -> None:
    operator = imported
    before = production.service()
    written = operator.variables(SERVICE).read_text(encoding="utf-8")
    declared = "".join(line for line in written.splitlines() if not line.startswith("#"))
    assert "environment" not in declared, "a value of a variable may be a secret; the examples below are comments"
    assert {each.name for each in operator.folder.iterdir()} == {
        "ansible.cfg", "requirements.yml", "inventories", "no-page",
    }  # fmt: skip

    production.admin("DELETE", "/_bed/calls")
    plan = operator.run("ansible-playbook", "steady.ecs.deploy", "--check", "--diff")
    assert plan.status == 0, plan.text
    assert "no difference" in plan.text
    assert production.writes() == []

    operator.declare(SERVICE, DURATION, 86400)
    deployed = operator.run("ansible-playbook", "steady.ecs.deploy", "-i", "inventories/main")
    assert deployed.status == 0, deployed.text
    assert "outcome: proven" in deployed.text
    assert production.attributes()[DURATION] == "86400"
    assert production.service()["taskDefinition"] == before["taskDefinition"]
    assert set(production.writes()) == {"elasticloadbalancing:ModifyTargetGroupAttributes"}

    for verb in ("verify", "drift"):
        looked = operator.run("ansible-playbook", f"steady.ecs.{verb}")
        assert looked.status == 0, looked.text

    back = operator.run("ansible-playbook", "steady.ecs.rollback")
    assert back.status == 0, back.text
    assert production.attributes()[DURATION] == "3600"
    drifted = operator.run("ansible-playbook", "steady.ecs.drift")
    assert "outcome: drifted" in drifted.text
    operator.declare(SERVICE, DURATION, 3600)
    assert str(ROOT) not in "".join((plan.text, deployed.text, back.text, drifted.text)).replace(f"{ROOT}/.venv", "")


@pytest.mark.walk
def test_the_lines_for_scripts_on_the_page_about_the_outcome(imported: Operator) -> None:
    lines = lines_of_the_page()
    done = imported.run("sh", "-c", lines)
    assert (done.status, "outcome: unchanged" in done.text) == (0, True), done.text

    path = imported.variables(SERVICE)
    declared = path.read_text(encoding="utf-8")
    try:
        path.write_text(declared.replace("service_account: '000000000000'", "service_account: '111122223333'"))
        refused = imported.run("sh", "-c", lines)
    finally:
        path.write_text(declared, encoding="utf-8")
    assert refused.status == 1, refused.text
    assert "Set service_profile or AWS_PROFILE" in refused.text
    missing = imported.run("sh", "-c", lines.replace("steady.ecs.deploy", "steady.ecs.no_such_playbook"))
    assert missing.status == 1, "a run that never began is no success"
