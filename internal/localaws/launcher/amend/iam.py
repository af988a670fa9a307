"""IAM: the AWS managed policies are read once; moto reads its 1,400 documents again after every reset, for 0.7 s."""

import copy

from moto.iam.models import IAMBackend


known = {}  # the policies as they were read: by account and partition, then by ARN


def shared(read):
    def method(self):
        key = (self.account_id, self.partition)
        if key not in known:
            known[key] = {policy.arn: policy for policy in read(self)}
        # A copy each, since a policy counts its attachments.
        return [copy.copy(policy) for policy in known[key].values()]

    return method


def unchanged(policy):
    """Names a policy that is as it was read, for fresh; None for another."""
    original = known.get((policy.account_id, policy.partition), {}).get(policy.arn)
    if original is None or vars(original) != vars(policy):
        return None
    return policy.account_id, policy.partition, policy.arn


def fresh(name):
    account, partition, arn = name
    return copy.copy(known[account, partition][arn])


def apply():
    IAMBackend._init_aws_policies = shared(IAMBackend._init_aws_policies)
