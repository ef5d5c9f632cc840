"""Added to every scenario: a scenario that has no test of its own fails instead of passing."""

import os
import pathlib


def test_scenario_has_tests_of_its_own(request):
    own = pathlib.Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"]).resolve()
    tests = [item for item in request.session.items if own in item.path.resolve().parents]
    assert tests, f"no test was collected from {own / 'tests'}"
