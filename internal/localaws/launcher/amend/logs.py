"""CloudWatch Logs: a group's tags go with it, and groups are described by their names."""

import json

import amend
from moto.logs.models import LogsBackend
from moto.logs.responses import LogsResponse


def forgets_tags(delete):
    # moto keeps the tags by ARN, so that the next group of the name has them.
    def method(self, log_group_name):
        group = self.groups.get(log_group_name)
        delete(self, log_group_name)
        for arn in (group.arn, group.arn.removesuffix(":*")):  # either form names the group in a request
            self.tagger.delete_all_tags_for_resource(arn)

    return method


def describes_named(describe):
    # [DescribeLogGroups, logGroupIdentifiers]; moto ignores them. That an absent group is left out is not documented.
    def method(self):
        names = self._get_param("logGroupIdentifiers")
        if not names:
            return describe(self)
        groups = self.logs_backend.groups
        return json.dumps({"logGroups": [groups[name].to_describe_dict() for name in sorted(names) if name in groups]})

    return method


def apply():
    amend.after(LogsResponse, "describe_log_groups", describes_named)
    amend.after(LogsBackend, "delete_log_group", forgets_tags)
