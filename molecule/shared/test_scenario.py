"""Added to every scenario: what would let it pass without testing anything."""

import os
import pathlib

from known_differences import expected_failures


def own_tests(request):
    folder = pathlib.Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"]).resolve()
    return [item.name for item in request.session.items if folder in item.path.resolve().parents]


def test_scenario_has_tests_of_its_own(request):
    assert own_tests(request), "no test was collected from the scenario's folder tests/"


def test_every_known_difference_names_a_test_that_exists(request):
    scenario = os.environ["MOLECULE_SCENARIO_NAME"]
    listed = {name for place, name in expected_failures() if place == scenario}
    assert listed <= set(own_tests(request)), "known_differences.yml lists a test that is gone"
