# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keeps all that a callback plugin is given, as ARA and the JSON callbacks do: results, arguments, warnings."""

from __future__ import annotations

import json
import os

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: keeps_all
type: notification
short_description: Keep all that a callback plugin is given
description: For tests.
requirements: [enable in configuration]
"""


class CallbackModule(CallbackBase):
    """One line of JSON a result."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "keeps_all"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_start(self, playbook):
        """A defect for the modules that run in Ansible's own process; for the others, see crash/sitecustomize.py."""
        if os.environ.get("CRASH"):
            from ansible_collections.steady.ecs.plugins.module_utils.rules import task_definition

            def plan(base, model, changes, definition, images):
                raise KeyError(f"{changes} {definition} {images}")

            task_definition.plan = plan

    def _keep(self, kind, result):
        fields = result.task.dump_attrs()
        with open(os.environ["KEEPS_ALL"], "a", encoding="utf-8") as file:
            kept = {"kind": kind, "result": result.result, "args": fields["args"], "exception": str(result.exception)}
            file.write(json.dumps(kept, default=str) + "\n")

    def v2_runner_on_ok(self, result):
        self._keep("ok", result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._keep("failed", result)

    def v2_runner_on_skipped(self, result):
        self._keep("skipped", result)

    def v2_runner_item_on_ok(self, result):
        self._keep("item", result)

    def v2_runner_item_on_failed(self, result):
        self._keep("item failed", result)

    def v2_runner_retry(self, result):
        self._keep("retry", result)

    def v2_on_file_diff(self, result):
        self._keep("diff", result)
