"""The loopback addresses of one bed: it owns one /16 of 127.0.0.0/8.

In awsvpc mode a task has one network interface; here that is one address of its own.
NET.0.2.. load balancers, NET.0.250.. helper processes, NET.1.2.. tasks.
"""


class Addresses:
    def __init__(self, net: str) -> None:
        self.net = net
        self.reset()

    def reset(self) -> None:
        self._balancers = 0
        self._helpers = 0
        self._next_task = 0
        self._used: set[str] = set()

    def load_balancer(self) -> str:
        self._balancers += 1
        if self._balancers > 240:
            raise RuntimeError("a bed has addresses for 240 load balancers; reset it")
        return f"{self.net}.0.{self._balancers + 1}"

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
        self._used.discard(address)
