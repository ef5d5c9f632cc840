"""The loopback addresses of one bed: it owns one /16 of 127.0.0.0/8.

In awsvpc mode a task has one network interface; here that is one address of its own.
NET.0.2.. load balancers, NET.0.250.. helper processes, NET.1.2.. tasks.
"""

BALANCERS = 240


class Addresses:
    def __init__(self, net: str) -> None:
        self.net = net
        self.reset()

    def reset(self) -> None:
        self._next_balancer = 0
        self._helpers = 0
        self._next_task = 0
        self._used: set[str] = set()

    def load_balancer(self) -> str:
        """The next free one, as `task` has it. Raises RuntimeError when none is."""
        for _ in range(BALANCERS):
            number, self._next_balancer = self._next_balancer, (self._next_balancer + 1) % BALANCERS
            address = f"{self.net}.0.{number + 2}"
            if address not in self._used:
                self._used.add(address)
                return address
        raise RuntimeError(f"a bed has addresses for {BALANCERS} load balancers at a time; delete one")

    def helper(self) -> str:
        """An address for a process outside any service. Raises ValueError when all five are taken."""
        if self._helpers == 5:
            raise ValueError("a bed has addresses for five helper processes")
        self._helpers += 1
        return f"{self.net}.0.{249 + self._helpers}"

    def task(self) -> str:
        """The next free address; a given-back one is taken up again as late as possible (clients may remember it)."""
        while True:
            number, self._next_task = self._next_task, (self._next_task + 1) % 60000
            address = f"{self.net}.{number // 250 + 1}.{number % 250 + 2}"
            if address not in self._used:
                self._used.add(address)
                return address

    def give_back(self, address: str) -> None:
        """Of a task or a load balancer that is no more."""
        self._used.discard(address)
