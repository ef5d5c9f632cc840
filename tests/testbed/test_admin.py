"""The bed's own paths: calls, families, images, helper processes, declarations, reset."""

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.testbed.beds import PORT, Bed, World, until


def get(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=5) as response:
        return dict(json.load(response))


def test_health_as_localstack_gives_it(declared_bed: Bed) -> None:
    status, health = declared_bed.admin("GET", "/_localstack/health")
    assert status == 200
    assert {"ecs", "elbv2", "s3", "logs"} <= set(health["services"])
    assert set(health["services"].values()) == {"running"}
    assert health["edition"] == "steady-bed"


def test_an_unknown_path_lists_the_known_ones(declared_bed: Bed) -> None:
    status, said = declared_bed.admin("GET", "/_bed/nothing")
    assert status == 404
    assert "/_bed/calls" in said["paths"]
    assert declared_bed.admin("POST", "/_bed/calls")[0] == 405


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("/_bed/families", ["x"]),
        ("/_bed/families", {"web": "73"}),
        ("/_bed/images", {"web": {"command": "python"}}),
        ("/_bed/images", {"web": {"command": ["python"], "comand": 1}}),
        ("/_bed/processes", {"site": {"command": ["python"]}}),
        ("/_bed/health", {"*": "sick"}),
        ("/_bed/tags", {"arn:aws:elasticloadbalancing:us-east-1:0:targetgroup/web/0": {"team": "web"}}),
        ("/_bed/tags", {"web": {"aws:cloudformation:stack-name": "edge"}}),
        ("/_bed/hooks", {"smoke": "FAILED"}),
        ("/_bed/hooks", {"arn:aws:lambda:us-east-1:000000000000:function:smoke": "PASSED"}),
        ("/_bed/stacks", {"edge": {"template": "Resources: {A: {Type: X}}", "groups": {"A": "web"}}}),
        ("/_bed/stacks", {"edge": {"template": "Resources: {}", "groups": {}}}),
        ("/_bed/stacks", {"edge": {"template": "Resources: {A: {Type: X}}", "groups": {}, "statuz": 1}}),
        ("/_bed/url", {"url": 7}),
        ("/_bed/faults", [{"service": "ecs"}]),
        ("/_bed/faults", [{"eror": "Throttling"}]),
        ("/_bed/faults", [{"kind": "throttle", "status": 503}]),
        ("/_bed/faults", [{"reset": True, "message": "lost"}]),
        ("/_bed/faults", [{"service": "elbv2", "error": "Throttling"}]),
    ],
)
def test_what_is_given_wrongly_is_refused_with_what_is_wanted(declared_bed: Bed, path: str, given: Any) -> None:
    status, said = declared_bed.admin("PUT", path, given)
    assert status == 400
    assert said["message"]


def test_the_call_log_has_names_errors_and_parameters(declared: World) -> None:
    bed = declared.bed
    bed.admin("DELETE", "/_bed/calls")
    declared.ecs.describe_clusters(clusters=[declared.name])
    with pytest.raises(ClientError):
        declared.ecs.describe_task_definition(taskDefinition="nothing:1")
    declared.elb.describe_target_groups(Names=[declared.name])
    bed.client("s3").create_bucket(Bucket="calls")
    bed.client("s3").list_objects_v2(Bucket="calls")
    bed.client("s3").put_object(Bucket="calls", Key="a/b", Body=b"")
    with pytest.raises(ClientError):
        bed.client("ssm").get_parameter(Name="nothing")
    found = bed.admin("GET", "/_bed/calls")[1]
    told = [(e["service"], e["operation"], e.get("error"), e.get("parameters")) for e in found["log"]]
    assert told == [
        ("ecs", "DescribeClusters", None, {"clusters": [declared.name]}),
        ("ecs", "DescribeTaskDefinition", "ClientException", {"taskDefinition": "nothing:1"}),
        ("elasticloadbalancing", "DescribeTargetGroups", None, {"Names": [declared.name]}),
        ("s3", "CreateBucket", None, None),
        ("s3", "ListObjectsV2", None, None),
        ("s3", "PutObject", None, None),
        ("ssm", "GetParameter", "ParameterNotFound", None),
    ]
    assert found["calls"]["s3:PutObject"] == 1
    bed.admin("DELETE", "/_bed/calls")
    assert bed.admin("GET", "/_bed/calls")[1] == {"calls": {}, "log": []}


def test_a_familys_counter_decides_the_next_revision(declared: World) -> None:
    declared.bed.admin("PUT", "/_bed/families", {declared.name: 73})
    assert declared.register().endswith(":74")
    status, said = declared.bed.admin("PUT", "/_bed/families", {declared.name: 73})
    assert status == 400
    assert "up to 74" in said["message"]
    assert declared.register().endswith(":75")


def test_a_tag_of_awss_own_is_there_beside_the_others(declared: World) -> None:
    declared.elb.add_tags(ResourceArns=[declared.group], Tags=[{"Key": "team", "Value": "web"}])
    declared.bed.admin("PUT", "/_bed/tags", {declared.group: {"aws:cloudformation:stack-name": "edge"}})
    found = declared.elb.describe_tags(ResourceArns=[declared.group])["TagDescriptions"][0]["Tags"]
    assert {each["Key"]: each["Value"] for each in found} == {"team": "web", "aws:cloudformation:stack-name": "edge"}


def test_the_url_of_an_application_is_kept_in_the_record(declared_bed: Bed) -> None:
    given = {"url": "http://127.20.0.2:8080"}
    assert declared_bed.admin("PUT", "/_bed/url", given)[1]["url"] == given["url"]
    declared_bed.admin("POST", "/_bed/reset")
    assert declared_bed.admin("PUT", "/_bed/url", {"url": None})[1]["url"] is None


def test_reset_forgets_everything_and_stops_every_process(world: World) -> None:
    bed = world.bed
    definition = world.register()
    world.create(definition, desiredCount=1, healthCheckGracePeriodSeconds=3600)
    world.completed(definition)
    address = world.tasks()[0]["containers"][0]["networkInterfaces"][0]["privateIpv4Address"]
    assert get(f"http://{address}:{PORT}/")["version"] == "v1"
    bed.client("s3").create_bucket(Bucket="gone")
    bed.admin("POST", "/_bed/reset")
    assert world.ecs.list_clusters()["clusterArns"] == []
    assert bed.client("s3").list_buckets()["Buckets"] == []
    with pytest.raises(OSError):
        get(f"http://{address}:{PORT}/")
    assert World(bed).register().endswith(":1")
    world.ecs.create_cluster(clusterName=world.name)  # for this test's own clean-up


def test_a_layer_of_an_image_can_be_fetched_where_ecr_says(declared_bed: Bed) -> None:
    digest = "sha256:" + "1" * 64
    declared_bed.admin("PUT", "/_bed/layers", {digest: {"config": {"Labels": {"a": "b"}}}})
    words = {"repositoryName": "any", "layerDigest": digest}
    url = declared_bed.client("ecr").get_download_url_for_layer(**words)["downloadUrl"]
    assert get(url) == {"config": {"Labels": {"a": "b"}}}
    with pytest.raises(OSError, match="404"):
        get(url + "0")


def test_an_image_can_be_declared(world: World) -> None:
    echo = {"command": ["python", "-m", "testbed.app.echo"], "environment": {"CRASH_AT_START": "9"}}
    world.bed.admin("PUT", "/_bed/images", {"demo/crashes": echo})
    world.image = "demo/crashes"
    definition = world.register()
    world.create(definition, desiredCount=1, loadBalancers=[])  # or a failed check may end it before it crashes
    stopped = until(lambda: world.tasks("STOPPED") and world.tasks("STOPPED")[0])
    assert until(lambda: world.tasks("STOPPED")[0]["containers"][0].get("exitCode")) == 9
    assert stopped["stopCode"] == "EssentialContainerExited"


def test_a_tag_that_moved_is_another_image_for_the_next_deployment_only(declared: World) -> None:
    first, second = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
    echo = {"command": ["python", "-m", "testbed.app.echo"]}
    declared.image = "demo/moves"
    declared.bed.admin("PUT", "/_bed/images", {declared.image: {**echo, "digest": first}})
    definition = declared.register()
    declared.create(definition, desiredCount=1)
    declared.completed(definition)
    declared.bed.admin("PUT", "/_bed/images", {declared.image: {**echo, "digest": second}})
    declared.ecs.update_service(cluster=declared.name, service="web", desiredCount=2)
    until(lambda: len(declared.tasks()) == 2)
    until(lambda: {each["containers"][0].get("imageDigest") for each in declared.tasks()} == {first})
    declared.ecs.update_service(cluster=declared.name, service="web", forceNewDeployment=True)
    until(lambda: {each["containers"][0].get("imageDigest") for each in declared.tasks()} == {second})


def test_a_helper_process_lives_outside_any_service(bed: Bed) -> None:
    site = {"command": ["python", "-m", "testbed.app.echo"], "port": 3000, "environment": {"NEVER_HEALTHY": "1"}}
    first = bed.admin("PUT", "/_bed/processes", {"site": site})[1]["site"]
    url = f"http://{first['address']}:{first['port']}/"
    assert ".0.25" in first["address"]

    def answers() -> bool:
        try:
            return bool(get(url)["instance"] == "site")
        except OSError:
            return False

    until(answers)
    second = bed.admin("PUT", "/_bed/processes", {"site": site})[1]["site"]
    assert second["pid"] != first["pid"]
    assert second["address"] == first["address"]
    until(answers)
    assert not Path(f"/proc/{first['pid']}").exists()
