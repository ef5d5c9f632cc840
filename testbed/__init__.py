"""The test bed: ECS and load balancing of its own on loopback addresses, moto for every other service."""

VERSION = "1.0.0"
