# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The action plugin of every module: meta/runtime.yml routes them all here."""

from __future__ import annotations

from ansible_collections.steady.ecs.plugins.plugin_utils.controller import InProcess


class ActionModule(InProcess):
    """Ansible looks for a class of this name."""
