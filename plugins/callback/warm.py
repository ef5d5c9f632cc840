# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: warm
type: aggregate
short_description: Import what the tasks need once, before Ansible forks
version_added: 0.1.0
description:
  - Imports boto3, the modules of this collection and the service models that they use when a playbook starts, so that
    each task's process inherits them.
  - Resolves no credentials, opens no connection and starts no process; without it everything works, only colder.
author: The steady.ecs authors (@steady-ecs)
requirements:
  - enable in configuration
"""

import gc
import importlib
import pkgutil

from ansible.plugins.callback import CallbackBase

SERVICES = ("ecs", "elbv2", "sts", "logs")


class CallbackModule(CallbackBase):
    """Warm the parent."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "steady.ecs.warm"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_start(self, playbook):
        """Before the first fork."""
        from ansible_collections.steady.ecs.plugins import modules
        from ansible_collections.steady.ecs.plugins.module_utils.edges import aws
        from ansible_collections.steady.ecs.plugins.plugin_utils import controller

        if not aws.HAS_BOTO3:
            return
        aws.warm(SERVICES)
        for found in pkgutil.iter_modules(modules.__path__):
            importlib.import_module(f"{controller.MODULES}.{found.name}")
        gc.collect()
        gc.freeze()
        # A play makes objects by the hundred thousand and keeps most; looking through them as often as Python does by
        # default took a tenth of its processor time (3.56 s before, 3.22 s after, one deploy of the sweep).
        gc.set_threshold(50_000, 20, 20)
