"""S3: encryption of new buckets, bucket policies that ask for TLS, delivery of access logs."""

import json
import xml.etree.ElementTree as xml

import amend
from moto.s3.models import FakeBucket, S3Backend
from moto.s3.responses import S3Response

XML = "{http://s3.amazonaws.com/doc/2006-03-01/}"


def encrypted(init):
    # [moto.md: a new bucket has no default encryption; AWS: SSE-S3 is on from the start]
    def method(self, *args, **kwargs):
        init(self, *args, **kwargs)
        self.encryption = {
            "Rule": {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": "false"}
        }

    return method


def asks_for_tls(statement):
    return statement.get("Effect") == "Deny" and "aws:SecureTransport" in statement.get("Condition", {}).get("Bool", {})


def names_the_caller(statement):
    condition = statement.get("Condition", {}).get("ArnNotLike", {})
    return statement.get("Effect") == "Deny" and "aws:PrincipalArn" in condition


def honours_tls(permission):
    # [moto.md: a bucket policy's conditions are not looked at]. A test speaks plain HTTP to loopback, so a Deny of plain
    # HTTP is taken as not applying, and so is a Deny of all callers but some, since moto knows none; every other
    # statement is left as it is.
    def method(self, action, resource):
        if self.policy is None:
            return permission(self, action, resource)
        document = json.loads(self.policy)
        statements = document["Statement"]
        if isinstance(statements, dict):
            statements = [statements]
        document["Statement"] = [s for s in statements if not (asks_for_tls(s) or names_the_caller(s))]
        stored = self.policy
        reduced = json.dumps(document).encode()
        return permission(BucketView(self, reduced) if reduced != stored else self, action, resource)

    return method


class BucketView:
    """A bucket with another policy, for one decision."""

    def __init__(self, bucket, policy):
        self.bucket = bucket
        self.policy = policy

    def __getattr__(self, name):
        return getattr(self.bucket, name)


def lets_logs_in(target_bucket, target_prefix):
    # [S3 PutBucketLogging] asks for a bucket policy that lets logging.s3.amazonaws.com put objects. moto fails at a
    # statement for everybody ("Principal": "*") and at a list of resources, both of which IAM's grammar allows.
    arn = f"arn:{target_bucket.partition}:s3:::{target_bucket.name}/"
    wanted = {arn + (target_prefix or "") + "*", arn + "*"}
    for statement in json.loads(target_bucket.policy or b'{"Statement": []}')["Statement"]:
        who = statement.get("Principal")
        actions, resources = statement.get("Action", []), statement.get("Resource", [])
        if (
            statement.get("Effect") == "Allow"
            and isinstance(who, dict)
            and who.get("Service") == "logging.s3.amazonaws.com"
            and "s3:PutObject" in ([actions] if isinstance(actions, str) else actions)
            and wanted & set([resources] if isinstance(resources, str) else resources)
        ):
            return True
    return False


def tagged(put):
    # CreateBucketConfiguration holds tags on AWS (API reference of CreateBucket); moto drops them.
    def method(self, request, bucket_name, querystring):
        answer = put(self, request, bucket_name, querystring)
        if querystring or not self.body:
            return answer
        found = xml.fromstring(self.body).iter(f"{XML}Tag")
        tags = {tag.findtext(f"{XML}Key"): tag.findtext(f"{XML}Value") or "" for tag in found}
        if tags:
            self.backend.put_bucket_tagging(bucket_name, tags)
        return answer

    return method


def forgets_tags(delete):
    # A bucket's tags are the bucket's; moto keeps them by name, so that the next bucket of the name has them.
    def method(self, bucket_name):
        arn = self.get_bucket(bucket_name).arn
        deleted = delete(self, bucket_name)
        if deleted is not None:
            self.tagger.delete_all_tags_for_resource(arn)
        return deleted

    return method


def apply():
    amend.after(S3Backend, "delete_bucket", forgets_tags)
    amend.after(S3Response, "_bucket_response_put", tagged)
    amend.after(FakeBucket, "__init__", encrypted)
    amend.after(FakeBucket, "get_permission", honours_tls)
    FakeBucket._log_permissions_enabled_policy = staticmethod(lets_logs_in)
