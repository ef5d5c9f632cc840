# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options that hold a whole declaration, for the modules that only look at it."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc."""

    DOCUMENTATION = r"""
options:
  changes:
    description: The declared changes, as M(steady.ecs.task_definition) takes them.
    type: dict
    default: {}
  definition:
    description: The declared whole task definition, as M(steady.ecs.task_definition) takes it.
    type: dict
    default: {}
  images:
    description: Declared image of each container.
    type: dict
    default: {}
  settings:
    description: The declared settings, as M(steady.ecs.deployment) takes them.
    type: dict
    default: {}
  attributes:
    description: The declared attributes, as M(steady.ecs.target_group_attributes) takes them.
    type: dict
    default: {}
  target_group:
    description: Name or ARN of the target group of O(attributes). The default is the service's only one.
    type: str
  attributes_of:
    description: The declared attributes of several target groups, by the name or ARN of each.
    type: dict
    default: {}
  owner:
    description:
      - Who owns the attributes. Those of V(stack) are set by a change set of the CloudFormation stack that the group's
        tags name; those of V(terraform) and V(other) are verified, and never written. Without it they are ours, unless
        the tags name a stack, or another service uses the group too.
    type: str
    choices: [steady, stack, terraform, other]
"""
