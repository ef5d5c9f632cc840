# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options of the operator's verbs that write: the lease, the record and the last word."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by ansible-doc."""

    DOCUMENTATION = r"""
options:
  host:
    description: Name of the host in the result file; the service's by default.
    type: str
  result_file:
    description: Result file of the run, as in M(steady.ecs.outcome).
    type: path
  why:
    description: The reason, for the record and for whoever finds the service held.
    type: str
    default: ''
  hosts:
    description: All hosts of the run. With more than one, the module refuses unless O(many) is true.
    type: list
    elements: str
    default: []
  many:
    description: Whether several services are meant.
    type: bool
    default: false
  lease_seconds:
    description: Seconds for which the lease on the service is taken, and renewed while the module works. At
      least 15.
    type: int
    default: 90
  lease_wait:
    description: Seconds to wait for another run's lease; after that the outcome is V(held). The default is 180, or as
      long as the lease of a dead run takes to run out.
    type: int
"""
