"""Changes that bring moto nearer to AWS, one module per service, each change with the fact it rests on."""

from amend import (
    apigateway,
    athena,
    certificates,
    cloudwatch,
    firehose,
    functions,
    glue,
    greengrass,
    iam,
    influxdb,
    iot,
    logs,
    provisioning,
    s3,
    scheduler,
    shadows,
    streams,
    tagging,
    timestream,
)

MODULES = (
    apigateway,
    athena,
    certificates,
    cloudwatch,
    firehose,
    functions,
    glue,
    greengrass,
    iam,
    influxdb,
    iot,
    logs,
    provisioning,
    s3,
    scheduler,
    shadows,
    streams,
    tagging,
    timestream,
)


def apply():
    for module in MODULES:
        module.apply()


def after(cls, name, change):
    """Replaces the method `name` of `cls` by change(original), which returns the new method."""
    setattr(cls, name, change(getattr(cls, name)))
