"""Sticky sessions: cookies that clients cannot make or keep for longer than the group's duration, and re-pointing."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed import stickiness
from tests.testbed.harness import Answer, App, Entrance, Handler, Host, cookie, forward, running, until

ON = {"stickiness__enabled": "true"}
BY_APPLICATION = {**ON, "stickiness__type": "app_cookie", "stickiness__app_cookie__cookie_name": "SESSION"}


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with running() as found:
        yield found


def stays(entrance: Entrance, cookies: dict[str, str], times: int = 8) -> set[str]:
    return {entrance.get(**cookie(**cookies)).me for _ in range(times)}


def within[T](seconds: float, what: Callable[[], T]) -> T:
    """What `what` sees when it takes less than this; a machine that stalls has it done again."""

    def once() -> tuple[T] | None:
        began = time.monotonic()
        found = what()
        return (found,) if time.monotonic() - began < seconds else None

    (seen,) = until(once)
    return seen


def other(apps: tuple[App, ...], address: str) -> App:
    return next(app for app in apps if app.address != address)


def own(apps: tuple[App, ...], address: str) -> App:
    return next(app for app in apps if app.address == address)


# -- the value -----------------------------------------------------------------------------------------------------


@given(st.text(), st.lists(st.one_of(st.text(), st.integers())), st.floats(min_value=0, max_value=1e9))
def test_a_value_opens_for_its_purpose_until_it_expires(purpose: str, fields: list[str | int], until: float) -> None:
    value = stickiness.seal(purpose, until, *fields)
    assert stickiness.unseal(purpose, value, until - 1) == fields
    assert stickiness.unseal(purpose, value, until) is None
    assert stickiness.unseal(purpose + "x", value, until - 1) is None


@given(st.integers(min_value=0), st.characters(codec="ascii"))
def test_a_changed_value_does_not_open(position: int, character: str) -> None:
    value = stickiness.seal("group", 10, "127.0.0.1", 8080)
    position %= len(value) - 1  # the last character carries bits that are not used
    forged = value[:position] + character + value[position + 1 :]
    assert forged == value or stickiness.unseal("group", forged, 0) is None


@given(st.text(max_size=100))
def test_no_text_opens_or_breaks_it(text: str) -> None:
    assert stickiness.unseal("group", text, 0) is None


# -- lb_cookie -----------------------------------------------------------------------------------------------------


def test_off_by_default(host: Host) -> None:
    entrance, _ = host.served(host.app())
    assert entrance.get().cookies == {}


def test_cookies_as_aws_sets_them(host: Host) -> None:
    entrance, _ = host.served(host.app(), **ON)
    answer = entrance.get()
    plain, twin = answer.headers.get_all("Set-Cookie")
    assert plain.startswith("AWSALB=") and plain.endswith("; Path=/")
    assert twin.startswith("AWSALBCORS=") and twin.endswith("; Path=/; SameSite=None")
    assert answer.cookies["AWSALB"] == answer.cookies["AWSALBCORS"]
    expires = parsedate_to_datetime(plain.split("Expires=")[1].split(";")[0])
    assert expires.timestamp() - time.time() == pytest.approx(7 * 86400, abs=10)  # whatever the duration is
    again = entrance.get(**cookie(**answer.cookies))
    assert again.cookies["AWSALB"] != answer.cookies["AWSALB"]  # set anew with every answer


def test_a_client_stays_on_its_target_and_others_are_spread(host: Host) -> None:
    apps = host.app(), host.app(), host.app()
    entrance, _ = host.served(*apps, **ON)
    first = entrance.get()
    assert stays(entrance, first.cookies) == {first.me}
    assert stays(entrance, {"AWSALBCORS": first.cookies["AWSALBCORS"]}) == {first.me}
    others = next(answer.cookies for answer in iter(entrance.get, None) if answer.me != first.me)
    mixed = {"AWSALB": others["AWSALB"], "AWSALBCORS": first.cookies["AWSALBCORS"]}
    assert stays(entrance, mixed) == {first.me}  # "the value in AWSALBCORS will take precedence"
    assert {entrance.get().me for _ in range(9)} == {app.address for app in apps}


def test_a_forged_cookie_and_one_of_another_group_are_ignored(host: Host) -> None:
    apps = host.app(), host.app()
    entrance, _ = host.served(*apps, **ON)
    elsewhere, _ = host.served(*apps, **ON)
    for value in (elsewhere.get().cookies["AWSALB"], "x", "", entrance.get().cookies["AWSALB"][:-2] + "AA"):
        assert stays(entrance, {"AWSALB": value}) == {app.address for app in apps}


def test_a_cookie_is_no_good_after_the_groups_duration(host: Host) -> None:
    apps = host.app(), host.app()
    entrance, _ = host.served(*apps, **ON, stickiness__lb_cookie__duration_seconds="1")

    def young() -> tuple[Answer, set[str]]:
        first = entrance.get()
        return first, stays(entrance, first.cookies, 4)

    first, seen = within(1, young)
    assert seen == {first.me}
    until(lambda: stays(entrance, first.cookies, 4) == {app.address for app in apps})


def test_a_client_of_an_unhealthy_target_moves_once(host: Host) -> None:
    apps = host.app(), host.app(), host.app()
    entrance, group = host.served(*apps, **ON)
    first = entrance.get()
    own(apps, first.me).health = 500
    host.await_states(group, "healthy", "healthy", "unhealthy")
    moved = entrance.get(**cookie(**first.cookies))
    assert moved.me != first.me
    assert stays(entrance, moved.cookies) == {moved.me}
    own(apps, first.me).health = 200
    host.await_states(group, "healthy", "healthy", "healthy")
    assert stays(entrance, moved.cookies) == {moved.me}


def test_a_client_of_a_deregistered_target_moves_at_once(host: Host) -> None:
    apps = host.app(), host.app()
    entrance, group = host.served(*apps, **ON)
    first = entrance.get()
    host.deregister(group, own(apps, first.me))
    assert host.states(group)[first.me][0] == "draining"
    assert stays(entrance, first.cookies) == {other(apps, first.me).address}


def test_when_all_are_unhealthy_a_client_stays(host: Host) -> None:
    apps = host.app(), host.app()
    entrance, group = host.served(*apps, **ON)
    first = entrance.get()
    for app in apps:
        app.health = 500
    host.await_states(group, "unhealthy", "unhealthy")
    assert stays(entrance, first.cookies) == {first.me}


def test_errors_of_the_load_balancer_set_no_cookie_of_a_target(host: Host) -> None:
    group = host.group(**ON)
    entrance = host.listen(forward(group))
    host.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": host.address()}])
    answer = entrance.get()
    assert (answer.status, answer.cookies) == (502, {})


# -- app_cookie ----------------------------------------------------------------------------------------------------


def logs_in(app: App) -> App:
    """An application that begins a session at /login and nowhere else."""

    def login(handler: Handler) -> None:
        told = {"me": app.address}
        handler.send(200, json.dumps(told).encode(), ("Set-Cookie", "SESSION=s1; Path=/; HttpOnly"))

    app.routes["/login"] = login
    return app


def test_an_applications_cookie_begins_the_stickiness(host: Host) -> None:
    apps = logs_in(host.app()), logs_in(host.app())
    entrance, _ = host.served(*apps, **BY_APPLICATION)
    assert entrance.get().cookies == {}
    first = entrance.get("/login")
    assert first.headers.get_all("Set-Cookie")[0] == "SESSION=s1; Path=/; HttpOnly"
    assert sorted(first.cookies) == ["AWSALBAPP-0", "SESSION"]
    assert stays(entrance, first.cookies) == {first.me}
    again = entrance.get(**cookie(**first.cookies))
    assert sorted(again.cookies) == ["AWSALBAPP-0"]  # its duration begins anew, without a word of the application
    for name, value in first.cookies.items():  # "clients have to send back both cookies"
        assert stays(entrance, {name: value}) == {app.address for app in apps}


def test_an_applications_stickiness_ends_with_each_groups_own_duration(host: Host) -> None:
    apps = [logs_in(host.app()) for _ in range(4)]
    long, _ = host.served(*apps[:2], **BY_APPLICATION)
    short, _ = host.served(*apps[2:], **BY_APPLICATION, stickiness__app_cookie__duration_seconds="1")
    first = long.get("/login")
    both = short.get("/login", **cookie(**first.cookies)).cookies
    until(lambda: stays(short, both, 4) == {app.address for app in apps[2:]})
    assert stays(long, both) == {first.me}


def test_a_session_whose_target_is_gone_sticks_to_the_next(host: Host) -> None:
    """ "continues routing requests to the new healthy target even if the failed target comes back" """
    apps = logs_in(host.app()), logs_in(host.app()), logs_in(host.app())
    entrance, group = host.served(*apps, **BY_APPLICATION)
    first = entrance.get("/login")
    host.deregister(group, own(apps, first.me))
    moved = entrance.get(**cookie(**first.cookies))
    assert moved.me != first.me
    assert stays(entrance, {**first.cookies, **moved.cookies}) == {moved.me}


def test_one_cookie_holds_the_targets_of_each_group(host: Host) -> None:
    """ "captures stickiness information for each target group that has application-based stickiness enabled" """
    apps = [logs_in(host.app()) for _ in range(4)]
    groups = host.group(*apps[:2], **BY_APPLICATION), host.group(*apps[2:], **BY_APPLICATION)
    entrances = [host.listen(forward(group)) for group in groups]
    for group in groups:
        host.await_states(group, "healthy", "healthy")
    one = entrances[0].get("/login")
    both = entrances[1].get("/login", **cookie(**one.cookies))
    assert stays(entrances[0], both.cookies) == {one.me}
    assert stays(entrances[1], both.cookies) == {both.me}


def test_an_applications_stickiness_is_not_for_weighted_groups(host: Host) -> None:
    """ "Application-based stickiness does not work with weighted target groups." """
    apps = logs_in(host.app()), logs_in(host.app())
    groups = [host.group(app, **BY_APPLICATION) for app in apps]
    entrance = host.listen(forward(*groups, weights=(1, 0), sticky=60))
    for group in groups:
        host.await_states(group, "healthy")
    assert sorted(entrance.get("/login").cookies) == ["AWSALBTG", "AWSALBTGCORS", "SESSION"]


# -- AWSALBTG ------------------------------------------------------------------------------------------------------


def test_a_client_of_a_weighted_forward_stays_in_its_group(host: Host) -> None:
    apps = host.app(), host.app()
    groups = host.group(apps[0]), host.group(apps[1])
    entrance = host.listen(forward(*groups, sticky=60))
    for group in groups:
        host.await_states(group, "healthy")
    first = entrance.get()
    assert sorted(first.cookies) == ["AWSALBTG", "AWSALBTGCORS"]
    assert stays(entrance, first.cookies, 20) == {first.me}
    assert {entrance.get().me for _ in range(60)} == {app.address for app in apps}
    own_group = groups[apps.index(own(apps, first.me))]
    weights = tuple(0 if group == own_group else 1 for group in groups)
    host.elb.modify_listener(
        ListenerArn=entrance.listener, DefaultActions=[forward(*groups, weights=weights, sticky=60)]
    )
    assert stays(entrance, first.cookies) == {first.me}, "no page excepts a weight of 0"
    assert {entrance.get().me for _ in range(10)} == {other(apps, first.me).address}
    host.deregister(own_group, own(apps, first.me))
    assert entrance.get(**cookie(**first.cookies)).status == 503, "nor a group without targets"


def test_a_client_leaves_a_group_of_weight_0_when_the_duration_is_over(host: Host) -> None:
    apps = host.app(), host.app()
    groups = host.group(apps[0]), host.group(apps[1])
    entrance = host.listen(forward(*groups, weights=(1, 0), sticky=1))
    for group in groups:
        host.await_states(group, "healthy")

    def weigh(*weights: int) -> None:
        actions = [forward(*groups, weights=weights, sticky=1)]
        host.elb.modify_listener(ListenerArn=entrance.listener, DefaultActions=actions)

    def young() -> tuple[Answer, set[str]]:
        weigh(1, 0)
        first = entrance.get()
        weigh(0, 1)
        return first, stays(entrance, first.cookies, 1)

    first, seen = within(1, young)
    assert seen == {apps[0].address}
    until(lambda: stays(entrance, first.cookies, 1) == {apps[1].address})


def test_group_and_target_stickiness_together(host: Host) -> None:
    apps = host.app(), host.app(), host.app(), host.app()
    groups = host.group(*apps[:2], **ON), host.group(*apps[2:], **ON)
    entrance = host.listen(forward(*groups, sticky=60))
    for group in groups:
        host.await_states(group, "healthy", "healthy")
    first = entrance.get()
    assert sorted(first.cookies) == ["AWSALB", "AWSALBCORS", "AWSALBTG", "AWSALBTGCORS"]
    assert stays(entrance, first.cookies, 20) == {first.me}


def test_many_clients_at_once_each_stay_on_one_target(host: Host) -> None:
    apps = host.app(), host.app(), host.app()
    entrance, _ = host.served(*apps, **ON)
    seen: list[set[str]] = []

    def client() -> None:
        first = entrance.get()
        seen.append({first.me} | stays(entrance, first.cookies, 5))

    threads = [threading.Thread(target=client) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(seen) == 30
    assert all(len(targets) == 1 for targets in seen)
    assert len(set.union(*seen)) == 3
