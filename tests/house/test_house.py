"""The house rules that a reader can break without noticing: who imports whom, what is declared twice and must agree."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PLUGINS = ROOT / "plugins"
MODULES = sorted(PLUGINS.glob("modules/*.py"))
ROLES = sorted(each for each in (ROOT / "roles").iterdir() if each.is_dir())
HEADER = "GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)"
IDENTITY = {"service_account", "service_region", "service_cluster", "service_name"}


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def imported(path: Path) -> set[str]:
    """Full names of the modules that a file imports, wherever the import stands."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def named(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("path", sorted(PLUGINS.glob("module_utils/rules/*.py")), ids=named)
def test_a_rule_reaches_neither_aws_nor_an_edge(path: Path) -> None:
    forbidden = ("boto", "requests", "urllib.request", "http.client", "socket", "subprocess", "os.environ")
    guilty = {name for name in imported(path) if name.startswith(forbidden) or ".edges" in name}
    assert not guilty, f"{path.name} imports {guilty}: a rule is pure; hand it what the edge has read"


@pytest.mark.parametrize("path", sorted(PLUGINS.glob("module_utils/edges/*.py")), ids=named)
def test_an_edge_imports_no_module_and_no_verdict(path: Path) -> None:
    guilty = {name for name in imported(path) if ".plugins.modules" in name or name.endswith(".rules.verdict")}
    assert not guilty, f"{path.name} imports {guilty}: an edge never decides"


@pytest.mark.parametrize("path", sorted(PLUGINS.rglob("*.py")), ids=named)
def test_every_plugin_carries_the_licence_line(path: Path) -> None:
    assert HEADER in "".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[:20])


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_a_module_is_documented_and_routed_to_the_runner(path: Path) -> None:
    name, text = path.stem, path.read_text(encoding="utf-8")
    for block in ("DOCUMENTATION", "EXAMPLES", "RETURN", "SPEC", "def run(", "def main("):
        assert block in text, f"{name} has no {block}"
    runtime = load(ROOT / "meta/runtime.yml")
    assert runtime["plugin_routing"]["modules"].get(name) == {"action_plugin": "steady.ecs.in_process"}
    assert name in runtime["action_groups"]["aws"]


def test_nothing_is_routed_that_does_not_exist() -> None:
    runtime, names = load(ROOT / "meta/runtime.yml"), {path.stem for path in MODULES}
    assert set(runtime["plugin_routing"]["modules"]) == names
    assert {each for each in runtime["action_groups"]["aws"] if isinstance(each, str)} == names


def documentation(path: Path) -> dict[str, Any]:
    """The documentation blocks of a plugin file, each read as the YAML that it is."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        node.targets[0].id: yaml.safe_load(str(node.value.value))
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id in ("DOCUMENTATION", "EXAMPLES", "RETURN")
        and isinstance(node.value, ast.Constant)
    }


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_documented_options_are_those_of_the_spec(path: Path) -> None:
    texts = documentation(path)
    assert {"DOCUMENTATION", "EXAMPLES", "RETURN"} <= set(texts)
    documented = set(texts["DOCUMENTATION"].get("options", {}))
    for each in texts["DOCUMENTATION"]["extends_documentation_fragment"]:
        if each.startswith("steady.ecs."):
            fragment = PLUGINS / "doc_fragments" / f"{each.rpartition('.')[2]}.py"
            documented |= set(documentation(fragment)["DOCUMENTATION"]["options"])
    module = __import__(f"ansible_collections.steady.ecs.plugins.modules.{path.stem}", fromlist=["SPEC"])
    assert documented == set(module.SPEC.options)


@pytest.mark.parametrize("role", ROLES, ids=named)
def test_defaults_and_argument_specs_agree(role: Path) -> None:
    options: dict[str, Any] = {}
    for entry in load(role / "meta/argument_specs.yml")["argument_specs"].values():
        options.update(entry["options"])
    defaults = load(role / "defaults/main.yml") or {}
    required = {name for name, option in options.items() if option.get("required")}
    assert required >= IDENTITY, "identity and connection are required in every role"
    assert set(defaults) == set(options) - required
    assert {name: options[name].get("default") for name in defaults} == defaults


@pytest.mark.parametrize("role", ROLES, ids=named)
def test_a_role_is_short_and_explained(role: Path) -> None:
    for path in (role / "tasks").glob("*.yml"):
        count = len(path.read_text(encoding="utf-8").splitlines())
        assert count < 60, f"{role.name}/{path.name} has {count} lines: logic belongs into a module"
    readme = (role / "README.md").read_text(encoding="utf-8")
    for name in load(role / "defaults/main.yml") or {}:
        assert f"`{name}`" in readme, f"roles/{role.name}/README.md says nothing about {name}"


def test_the_rules_know_every_variable_and_every_result_of_the_roles() -> None:
    from ansible_collections.steady.ecs.plugins.module_utils.rules.variables import KNOWN, RESULTS

    declared: set[str] = set()
    for role in ROLES:
        for entry in load(role / "meta/argument_specs.yml")["argument_specs"].values():
            declared |= set(entry["options"])
    tasks = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "roles").glob("*/tasks/*.yml"))
    assert declared <= KNOWN
    assert set(re.findall(r"register: (\w+)", tasks)) == RESULTS
    verbs = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "playbooks").glob("*.yml"))
    assert all(name in tasks + verbs or name in declared or name.startswith("service_") for name in KNOWN)


def test_whoever_sets_attributes_says_who_owns_them() -> None:
    """Else the way back writes past the stack, or past Terraform."""
    name, found = "steady.ecs.target_group_attributes", list[str]()
    for path in (ROOT / "roles").glob("*/tasks/*.yml"):
        for part in path.read_text(encoding="utf-8").split("- name: "):
            if f"{name}:" in part:
                found.append(path.name)
                assert "owner:" in part, f"{path.relative_to(ROOT)}: {part.splitlines()[0]}"
    assert len(found) >= 3


def test_no_document_of_the_store_becomes_variables() -> None:
    """Ansible would carry out the expressions in it; a module reads and validates it."""
    files = [path for place in ("roles", "playbooks") for path in (ROOT / place).rglob("*.yml")]
    guilty = [path for path in files if re.search(r"include_vars|vars_files", path.read_text(encoding="utf-8"))]
    assert files and not guilty


def test_every_role_has_a_scenario() -> None:
    scenarios = {path.parent.name for path in (ROOT / "molecule").glob("*/molecule.yml")}
    assert scenarios == {role.name for role in ROLES} | {"default"}


def test_the_collection_wants_the_same_amazon_aws_everywhere() -> None:
    wanted = load(ROOT / "requirements.yml")["collections"]
    assert wanted == [{"name": "amazon.aws", "version": load(ROOT / "galaxy.yml")["dependencies"]["amazon.aws"]}]


def flattened(inventory: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in sorted((ROOT / "inventories" / inventory).glob("*_vars/*.yml")):
        found.update(load(path))
    return found


def test_the_two_inventories_declare_the_same_release() -> None:
    local, production = flattened("local"), flattened("production")
    connection = {"service_access_key", "service_secret_key", "bed", "bed_not_started", "release_store"}
    differ = {name for name in local.keys() | production.keys() if local.get(name) != production.get(name)}
    assert differ - connection == {"service_account", "service_endpoint_url", "service_url"}


def test_steady_and_the_rules_map_outcomes_alike() -> None:
    from ansible_collections.steady.ecs.plugins.module_utils.rules.outcome import OUTCOME_STATUS

    block = (ROOT / "steady").read_text(encoding="utf-8").split("status_of() {")[1].split("esac")[0]
    mapped = {
        word.strip(): int(status)
        for words, status in re.findall(r"^\s*([a-z_| ]+)\) return (\d)", block, re.MULTILINE)
        for word in words.split("|")
    }
    assert {**dict.fromkeys(OUTCOME_STATUS, 1), **mapped} == OUTCOME_STATUS


def test_files_stay_readable() -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for folder in ("plugins", "testbed", "tests", "roles", "playbooks")
        for path in (ROOT / folder).rglob("*.*")
        if path.suffix in {".py", ".yml", ".sh"} and (count := len(path.read_text(encoding="utf-8").splitlines())) > 420
    }
    assert not long
