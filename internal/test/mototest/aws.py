"""The command aws, as far as the guides use it: `aws <service> <operation> --<option> <value> …` prints the answer."""

import json
import sys

import boto3


def main(service, operation, *options):
    call = {}
    for name, value in zip(options[::2], options[1::2], strict=True):
        key = "".join(word.capitalize() for word in name.removeprefix("--").split("-"))
        call[key] = json.loads(value) if value.startswith(("{", "[")) else value
    answer = getattr(boto3.client(service), operation.replace("-", "_"))(**call)
    del answer["ResponseMetadata"]
    print(json.dumps(answer, default=str))


main(*sys.argv[1:])
