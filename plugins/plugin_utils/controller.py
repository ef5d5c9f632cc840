# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a module of this collection inside the controller process: ten times faster, and its progress is seen live.

Whatever cannot be done here is done by the real module, with the reason at ``-vvv``.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

from ansible import constants as C
from ansible.errors import AnsibleActionFail
from ansible.module_utils.ansible_release import __version__ as core_version
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.amazon.aws.plugins.module_utils.modules import aws_argument_spec
from ansible_collections.steady.ecs.plugins.module_utils.edges import pace, result_files
from ansible_collections.steady.ecs.plugins.module_utils.edges.aws import HAS_BOTO3, Connection
from ansible_collections.steady.ecs.plugins.module_utils.rules import redact
from ansible_collections.steady.ecs.plugins.module_utils.work import Task, perform, plain

NEWEST_TESTED_CORE = (2, 21)
MODULES = "ansible_collections.steady.ecs.plugins.modules"
GIVEN = "steady_ecs_given"
CLEAR_LINE = "\r\x1b[K"

ON_TERMINAL = sys.stderr.isatty()
"""Known to the parent only, for a worker's streams are detached: true when the parent imported this file first."""

display = Display()


def untested_core() -> bool:
    """Whether this ansible-core is newer than the newest one on which running in process was proven."""
    return tuple(int(part) for part in core_version.split(".")[:2]) > NEWEST_TESTED_CORE


class Lines:
    """A task's progress on the screen: lines that stay, and one that counts in place."""

    def __init__(self, host: str, silent: bool, hidden: set[str]) -> None:
        self._host, self._silent, self._hidden, self._counting = host, silent, hidden, False

    def report(self, line: str) -> None:
        """Show a line, or several, at once. On stderr: stdout may be a JSON callback's, and is buffered when piped."""
        self.clear()
        if not self._silent:
            display.display("\n".join(self._safe(each) for each in line.splitlines()), stderr=True)

    def count(self, line: str) -> None:
        """Show a line that the next one replaces."""
        if ON_TERMINAL and not self._silent:
            display.display(f"{CLEAR_LINE}{self._safe(line)}", stderr=True, screen_only=True, newline=False)
            self._counting = True

    def clear(self) -> None:
        """Take the counting line away, so that what follows starts at the left."""
        if self._counting:
            display.display(CLEAR_LINE, stderr=True, screen_only=True, newline=False)
            self._counting = False

    def _safe(self, line: str) -> str:
        return str(remove_values(f"{self._host}: {redact.text(line)}", self._hidden))


class InProcess(ActionBase):
    """Validate the arguments as the module would, then call its ``run`` here."""

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        result: dict[str, Any] = super().run(tmp, task_vars)
        # A task with `until` runs again, by another object of this class, with what it was given.
        self._given = self._task.__dict__.setdefault(GIVEN, dict(self._task.args))
        try:
            result.update(self._run(task_vars))
        finally:
            # Callback plugins are shown the task with its arguments, which hold values of environment variables.
            self._task.args = redact.arguments(self._given, self._module().SPEC.options)
        return result

    def _run(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        reason = self._needs_module(task_vars)
        settings = self._settings(task_vars)
        if reason is None:
            os.environ.update(settings)
            return self._run_here(task_vars)
        display.vvv(f"{self._task.action} runs as a module: {reason}", host=self._play_context.remote_addr)
        if C.DEFAULT_KEEP_REMOTE_FILES:
            display.warning(
                "ANSIBLE_KEEP_REMOTE_FILES keeps each module with its arguments, values of environment variables "
                "included, in Ansible's temporary folder. Delete it afterwards."
            )
        self._task.environment = [*(self._task.environment or []), settings]
        result: dict[str, Any] = self._execute_module(
            module_args=self._given, task_vars=task_vars, wrap_async=bool(self._task.async_val)
        )
        if not self._task.async_val:
            self._remove_tmp_path(self._connection._shell.tmpdir)
        return result

    def _settings(self, task_vars: dict[str, Any]) -> dict[str, str]:
        """Environment variables for what is no option of any one module: what a host says of its account as a whole,
        and which run this is, for which Ansible has made a folder with a name of its own before it forked."""
        names = {"steady_ecs_aws_share": pace.SHARE, "service_account": pace.ACCOUNT}
        found = {variable: task_vars[name] for name, variable in names.items() if task_vars.get(name) is not None}
        said = {variable: str(plain(self._templar.template(value))) for variable, value in found.items()}
        command = {result_files.COMMAND: os.environ[result_files.COMMAND]} if result_files.COMMAND in os.environ else {}
        return {**said, **command, result_files.RUN: os.path.basename(C.DEFAULT_LOCAL_TMP)}

    def _needs_module(self, task_vars: dict[str, Any]) -> str | None:
        if not HAS_BOTO3:
            return "boto3 is not installed beside Ansible"
        if self._connection.transport not in ("local", "ansible.builtin.local"):
            return f"the connection is {self._connection.transport}"
        if self._task.async_val:
            return "the task is asynchronous"
        if self._connection.become is not None:
            return "the task becomes another user"
        wanted = task_vars.get("steady_ecs_in_process", os.environ.get("STEADY_ECS_IN_PROCESS", "true"))
        if str(self._templar.template(wanted)).lower() in ("false", "no", "0", "off"):
            return "steady_ecs_in_process is false"
        if untested_core():
            newest = ".".join(map(str, NEWEST_TESTED_CORE))
            display.warning(
                f"steady.ecs runs as ordinary modules, without live progress: ansible-core {core_version} is newer "
                f"than the newest tested one ({newest})."
            )
            return f"ansible-core {core_version} is not tested"
        return None

    def _run_here(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        environment: dict[str, str] = {}
        self._compute_environment_string(environment)
        os.environ.update({plain(name): str(plain(value)) for name, value in environment.items()})

        module = self._module()
        params, hidden = self._validated(module.SPEC)
        lines = Lines(str(task_vars.get("inventory_hostname", "")), bool(self._task.no_log), hidden)
        warnings: list[str] = []
        task = Task(
            params=plain(params),
            connection=Connection(params, lines.count),
            check_mode=bool(self._task.check_mode),
            report=lines.report,
            count=lines.count,
            warn=lambda line: warnings.append(redact.text(line)),
        )
        try:
            answer = perform(task, module.run)
        finally:
            lines.clear()
        if warnings:
            answer["warnings"] = warnings
        masked: dict[str, Any] = remove_values(answer, hidden)
        return masked

    def _module(self) -> Any:
        name = self._task.resolved_action if self._task.resolved_action.startswith("steady.ecs.") else self._task.action
        return importlib.import_module(f"{MODULES}.{name.rsplit('.', 1)[-1]}")

    def _validated(self, spec: Any) -> tuple[dict[str, Any], set[str]]:
        """The arguments as the module would see them, and the values that must never be shown."""
        validator = ArgumentSpecValidator({**aws_argument_spec(), **spec.options}, **spec.rules)
        checked = validator.validate(plain(self._given))
        hidden = {value for value in checked._no_log_values if value}
        if checked.error_messages:
            raise AnsibleActionFail(remove_values("; ".join(checked.error_messages), hidden))
        return checked.validated_parameters, hidden
