"""Elastic Container Service: the API. What it asks for is carried out by scheduler.py.

A handler is a method with the operation's name in snake case and `reads`; one file a kind of resource.
"""

from .clusters import Clusters
from .definitions import Definitions
from .instances import Instances
from .services import Services
from .tags import Tags
from .tasks import Tasks


class Ecs(Clusters, Definitions, Services, Tasks, Instances, Tags):
    """The ECS API of one region."""


__all__ = ["Ecs"]
