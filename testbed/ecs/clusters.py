"""Clusters: CreateCluster, DescribeClusters, ListClusters, DeleteCluster."""

from ..strict import reads
from ..wire import AwsError, Params, page
from . import limits
from .state import Cluster, State, counts


class Clusters(State):
    @reads("clusterName", "settings", "tags")
    def create_cluster(self, p: Params) -> Params:
        limits.words("CreateCluster", p)
        name = p.get("clusterName", "default")
        if name not in self.clusters:
            self.clusters[name] = Cluster(f"{self.prefix}cluster/{name}", name, p.get("settings", []))
            self.tags[self.clusters[name].arn] = list(p.get("tags", []))
        return {"cluster": self._cluster_view(self.clusters[name], ["TAGS"])}

    def _cluster_view(self, cluster: Cluster, include: list[str]) -> Params:
        found = counts([t for t in self.tasks.values() if t.cluster is cluster])
        active = sum(s.status == "ACTIVE" for s in self.services.values() if s.cluster is cluster)
        return {
            "clusterArn": cluster.arn,
            "clusterName": cluster.name,
            "status": "ACTIVE",
            "registeredContainerInstancesCount": sum(i.cluster is cluster for i in self.instances.values()),
            "runningTasksCount": found["runningCount"],
            "pendingTasksCount": found["pendingCount"],
            "activeServicesCount": active,
            "statistics": [],
            "tags": self.tags[cluster.arn] if "TAGS" in include else [],
            "settings": cluster.settings if "SETTINGS" in include else [],
            "capacityProviders": [],
            "defaultCapacityProviderStrategy": [],
        }

    @reads("clusters", "include")
    def describe_clusters(self, p: Params) -> Params:
        found, failures = [], []
        for reference in p.get("clusters") or ["default"]:
            name = reference.rsplit("/", 1)[-1]
            if name in self.clusters:
                found.append(self._cluster_view(self.clusters[name], p.get("include", [])))
            else:
                failures.append(self.missing(f"{self.prefix}cluster/{name}"))
        return {"clusters": found, "failures": failures}

    @reads("maxResults", "nextToken")
    def list_clusters(self, p: Params) -> Params:
        items, token = page([c.arn for c in self.clusters.values()], p, 100, "maxResults", "nextToken")
        return {"clusterArns": items, "nextToken": token}

    @reads("cluster")
    def delete_cluster(self, p: Params) -> Params:
        cluster = self.cluster(p["cluster"])
        view = self._cluster_view(cluster, [])
        if view["registeredContainerInstancesCount"]:
            text = "The Cluster cannot be deleted while Container Instances are active or draining."
            raise AwsError("ClusterContainsContainerInstancesException", text)
        if view["activeServicesCount"]:
            raise AwsError(
                "ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active."
            )
        if view["runningTasksCount"] or view["pendingTasksCount"]:
            raise AwsError("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.")
        del self.clusters[cluster.name]
        return {"cluster": {**view, "status": "INACTIVE"}}
