"""How fast the plane is: sticky clients against two targets, each side in a process of its own.

Run from the repository's root: .venv-bed/bin/python -m tests.testbed.measure_plane [clients] [requests/s] [seconds]
"""

import asyncio
import subprocess
import sys
import time

import aiohttp
import boto3

NET = "127.78"
TARGET = """
import asyncio, sys
from aiohttp import web
async def main():
    async def answer(request):
        return web.json_response({"me": sys.argv[1]})
    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, sys.argv[1], 8080).start()
    await asyncio.Event().wait()
asyncio.run(main())
"""


async def client(number: int, url: str, pause: float, until: float, took: list[float], wrong: list[object]) -> None:
    jar, seen = aiohttp.CookieJar(unsafe=True), set()
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        await asyncio.sleep(pause * (number % 100) / 100)
        while time.monotonic() < until:
            began = time.monotonic()
            async with session.get(url) as answer:
                seen.add((await answer.json())["me"])
                if answer.status != 200 or len(seen) != 1:
                    wrong.append((answer.status, seen))
            took.append(time.monotonic() - began)
            await asyncio.sleep(max(0, pause - (time.monotonic() - began)))


async def measure(url: str, clients: int, rate: float, seconds: float) -> None:
    took: list[float] = []
    wrong: list[object] = []
    until = time.monotonic() + seconds
    await asyncio.gather(*(client(n, url, clients / rate, until, took, wrong) for n in range(clients)))
    took.sort()
    at = {f"p{q}": round(took[int(len(took) * q / 100)] * 1000, 1) for q in (50, 90, 99)}
    found = {"clients": clients, "requests/s": round(len(took) / seconds), "wrong": len(wrong)}
    sys.stdout.write(f"{found} ms {at} max {took[-1] * 1000:.1f}\n")


def main(clients: int = 300, rate: float = 300, seconds: float = 10) -> None:
    command = [sys.executable, "-m", "tests.testbed.balancer_host", f"{NET}.0.1", NET, "0.1"]
    host = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    targets = [f"{NET}.1.2", f"{NET}.1.3"]
    processes = [subprocess.Popen([sys.executable, "-c", TARGET, address]) for address in targets]
    try:
        assert host.stdin and host.stdout
        endpoint = host.stdout.readline().strip()
        keys = {"region_name": "us-east-1", "aws_access_key_id": "a", "aws_secret_access_key": "b"}
        elb = boto3.client("elbv2", endpoint_url=endpoint, **keys)
        balancer = elb.create_load_balancer(Name="measure", Subnets=["subnet-1", "subnet-2"])["LoadBalancers"][0]
        group = elb.create_target_group(Name="measure", Protocol="HTTP", Port=8080, VpcId="vpc-1", TargetType="ip")
        arn = group["TargetGroups"][0]["TargetGroupArn"]
        sticky = [{"Key": "stickiness.enabled", "Value": "true"}]
        elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=sticky)
        action = [{"Type": "forward", "TargetGroupArn": arn}]
        elb.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=8080, DefaultActions=action
        )
        elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": address} for address in targets])
        until = time.monotonic() + 20
        while time.monotonic() < until:
            found = elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
            if all(row["TargetHealth"]["State"] == "healthy" for row in found):
                break
        asyncio.run(measure(f"http://{balancer['DNSName']}:8080/", clients, rate, seconds))
        host.stdin.close()
        host.wait(5)
    finally:
        for process in (host, *processes):
            process.kill()
            process.wait()


if __name__ == "__main__":
    main(*(float(word) if number else int(word) for number, word in enumerate(sys.argv[1:])))
