"""Resource Groups Tagging API: GetResources by ARN, of every kind of object that a pipeline has.

moto takes no ARNs, and does not know Kinesis, AWS IoT, Timestream, event source mappings and dashboards. On AWS, the
index has all tagged objects but users and roles of IAM. [Resource Groups Tagging API: GetResources, ResourceARNList;
"Services that support the Resource Groups Tagging API"]
"""

import json

import amend
from amend import iot
from moto.athena.models import athena_backends
from moto.awslambda.models import lambda_backends
from moto.cloudwatch.models import cloudwatch_backends
from moto.dynamodb.models import dynamodb_backends
from moto.firehose.models import firehose_backends
from moto.glue.models import glue_backends
from moto.iot.models import iot_backends
from moto.kinesis.models import kinesis_backends
from moto.logs.models import logs_backends
from moto.resourcegroupstaggingapi.exceptions import ResourceGroupsTaggingAPIError
from moto.resourcegroupstaggingapi.responses import ResourceGroupsTaggingAPIResponse
from moto.s3.models import s3_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends
from moto.ssm.models import ssm_backends
from moto.timestreamwrite.models import timestreamwrite_backends
from moto.utilities.utils import get_partition

ARNS_PER_CALL = 100
ALONE = ("PaginationToken", "ResourcesPerPage", "TagsPerPage", "TagFilters", "ResourceTypeFilters")


def listed(tags):
    return {tag["Key"]: tag["Value"] for tag in tags}


def named(store):
    """Tags of the object whose name is the ARN's last part."""
    return lambda backend, arn: store(backend).get(arn.rsplit("/", 1)[-1].rsplit(":", 1)[-1])


def attribute(store, name):
    find = named(store)

    def tags(backend, arn):
        found = getattr(find(backend, arn), name, None) or {}
        return found if isinstance(found, dict) else listed(found)

    return tags


def tagger(name):
    return lambda backend, arn: getattr(backend, name).get_tag_dict_for_resource(arn)


def of_log_group(backend, arn):
    # Tags of a group are kept below either form of its ARN; a request may name either.
    return backend.tagger.get_tag_dict_for_resource(arn + ":*") | backend.tagger.get_tag_dict_for_resource(arn)


def of_parameter(backend, arn):
    name = arn.split(":parameter", 1)[-1]
    tags = backend._resource_tags["Parameter"]
    return tags.get(name) or tags.get(name.removeprefix("/"))


def of_event_source(backend, arn):
    source = backend.get_event_source_mapping(arn.rsplit(":", 1)[-1])
    return source and source.tags


READERS = {  # by the service of the ARN
    "athena": (athena_backends, tagger("tagger")),
    "cloudwatch": (cloudwatch_backends, tagger("tagger")),
    "dynamodb": (dynamodb_backends, attribute(lambda backend: backend.tables, "tags")),
    "firehose": (firehose_backends, tagger("tagger")),
    "glue": (glue_backends, tagger("tagger")),
    "iot": (iot_backends, lambda backend, arn: iot.tag_store(backend).get(arn)),
    "kinesis": (kinesis_backends, attribute(lambda backend: backend.streams, "tags")),
    "lambda": (lambda_backends, of_event_source),
    "logs": (logs_backends, of_log_group),
    "s3": (s3_backends, tagger("tagger")),
    "sns": (sns_backends, lambda backend, arn: arn in backend.topics and backend.topics[arn]._tags),
    "sqs": (sqs_backends, attribute(lambda backend: backend.queues, "tags")),
    "ssm": (ssm_backends, of_parameter),
    "timestream": (timestreamwrite_backends, tagger("tagging_service")),
}


def refused(message):
    return ResourceGroupsTaggingAPIError("InvalidParameterException", message)


def by_arn(get_resources):
    def method(self):
        arns = self._get_param("ResourceARNList")
        if not arns:
            return get_resources(self)
        if any(self._get_param(name) for name in ALONE):
            raise refused("ResourceARNList cannot be combined with filters and pages")
        if len(arns) > ARNS_PER_CALL:
            raise refused(f"ResourceARNList has more than {ARNS_PER_CALL} elements")
        found = []
        for arn in arns:
            service, region = arn.split(":")[2:4]
            if service not in READERS or region not in ("", self.region):
                continue
            backends, read = READERS[service]
            place = get_partition(self.region) if service == "s3" else self.region
            tags = read(backends[self.current_account][place], arn)
            if tags:  # an object without tags is not in the index
                found.append({"ResourceARN": arn, "Tags": [{"Key": k, "Value": v} for k, v in sorted(tags.items())]})
        return json.dumps({"ResourceTagMappingList": found, "PaginationToken": ""})

    return method


def apply():
    amend.after(ResourceGroupsTaggingAPIResponse, "get_resources", by_arn)
