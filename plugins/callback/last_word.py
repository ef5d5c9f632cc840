# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: last_word
type: aggregate
short_description: Say the outcome of each service after the recap
version_added: 0.1.0
description:
  - Repeats what M(steady.ecs.outcome) said of each host as the last lines of a run, below Ansible's recap, where people
    look and where a long failure does not hide it.
author: The steady.ecs authors (@steady-ecs)
requirements:
  - enable in configuration
"""

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    """Collect the outcomes, say them last."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "steady.ecs.last_word"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._lines = {}

    def v2_runner_on_ok(self, result):
        """The outcome of a host that ended well."""
        self._keep(result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        """The outcome of a host that did not."""
        self._keep(result)

    def v2_playbook_on_stats(self, stats):
        """After the recap of the standard output."""
        for host, line in self._lines.items():
            self._display.display(f"{host}: {line}")

    def _keep(self, result):
        line = result.result.get("line")
        if isinstance(line, str) and line.startswith("outcome: "):
            self._lines[result.host.get_name()] = line
