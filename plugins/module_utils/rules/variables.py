# Copyright: The steady.ecs authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The variables that an inventory can declare: a misspelt one would be ignored in silence, and the run would succeed.

A test compares the names with the roles' argument specs.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_DECLARED = """
    service_account service_region service_cluster service_name service_url service_profile service_endpoint_url
    service_access_key service_secret_key
    preflight_many preflight_going_back preflight_without_alarm_cover
    preflight_hazards preflight_hazards_refused preflight_hazards_allowed preflight_application
    release_store release_store_create release_why release_commit release_result_file
    release_lease_seconds release_wait_seconds
    release_windows release_window_override release_approved_by release_plan release_from
    target_group_name target_group_attributes target_group_attributes_of target_group_owner
    target_group_template
    rollout_changes rollout_task_definition rollout_images rollout_pin_images rollout_settings rollout_force
    rollout_before rollout_wait_timeout rollout_wait_delay rollout_stable_seconds rollout_fail_fast
    rollout_fail_on_timeout rollout_wait_until rollout_safe_environment
    health_containers health_desired_count health_endpoints health_task_identity health_sticky_requests
    health_wait_timeout verify_wait_timeout
    rollback_on_failure rollback_why rollback_to
    drift_file drift_fail drift_ignore drift_undeclared
    report_verb report_folder report_rollback_command report_traffic
    history_release history_limit history_format history_file status_format status_file
    operation_why deploy_many scale_count scale_autoscaled continue_hook continue_action prune_keep
    prune_skip_schedules
    unlock_confirm unlock_key run_task_container run_task_command run_task_environment run_task_revision
    run_task_timeout run_task_again init_folder
"""
_REGISTERED = """
    preflight_result preflight_images preflight_grounds release_planned release_opened target_group_result
    rollout_revision rollout_gates rollout_deployment health_result
    rollback_opened rollback_revision rollback_decision rollback_noted rollback_info rollback_deployment
    rollback_attributes rollback_health
    drift_result drift_said report_outcome report_closed report_written
"""
KNOWN = frozenset(_DECLARED.split())
RESULTS = frozenset(_REGISTERED.split())
"""What the roles register: not to be declared, and no misspelling."""


LIKENESS = 0.85
"""How alike two names must be to be taken for one: ``rollout_change`` is a misspelling, ``release_version`` is none."""


def misspelt(names: Iterable[str]) -> list[str]:
    """One sentence for each name that is nearly, but not quite, a role's variable; others are the operator's own."""
    found = []
    for name in sorted(set(names) - KNOWN - RESULTS):
        near = difflib.get_close_matches(name, KNOWN, n=1, cutoff=LIKENESS)
        if near:
            found.append(f"{name}: no role has such a variable. Did you mean {near[0]}?")
    return found
