# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options of the modules that name a service and the place of its release records."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc."""

    DOCUMENTATION = r"""
options:
  store:
    description: Folder or C(s3://BUCKET/PREFIX) of the release records. The default is
      C(${XDG_STATE_HOME:-~/.local/state}/steady).
    type: str
  account:
    description: AWS account id of the service, twelve digits.
    type: str
    required: true
  cluster:
    description: Name of the ECS cluster.
    type: str
    required: true
  service:
    description: Name of the ECS service.
    type: str
    required: true
"""
