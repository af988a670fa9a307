"""CloudWatch Logs: a group's tags go with it."""

import amend
from moto.logs.models import LogsBackend


def forgets_tags(delete):
    # moto keeps the tags by ARN, so that the next group of the name has them.
    def method(self, log_group_name):
        group = self.groups.get(log_group_name)
        delete(self, log_group_name)
        for arn in (group.arn, group.arn.removesuffix(":*")):  # either form names the group in a request
            self.tagger.delete_all_tags_for_resource(arn)

    return method


def apply():
    amend.after(LogsBackend, "delete_log_group", forgets_tags)
