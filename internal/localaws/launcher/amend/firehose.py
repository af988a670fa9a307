"""Firehose: encryption of direct puts, and the keys and compression of the objects that they become."""

import gzip
import re

import amend
from moto.core.utils import utcnow
from moto.firehose.models import DeliveryStream, FirehoseBackend
from moto.moto_api._internal import mock_random
from moto.s3.models import s3_backends

TIMESTAMP = re.compile(r"!\{timestamp:([^}]*)\}")
FORMATS = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H"}


def shows_encryption(init):
    # [Firehose API DeliveryStreamEncryptionConfiguration]: it has a Status. moto shows what was asked for, without one.
    def method(self, *args, **kwargs):
        init(self, *args, **kwargs)
        if self.delivery_stream_encryption_configuration:
            self.delivery_stream_encryption_configuration |= {"Status": "ENABLED"}

    return method


def filled_in(prefix, now):
    def one(match):
        return now.strftime(re.sub("|".join(FORMATS), lambda part: FORMATS[part.group()], match.group(1)))

    return TIMESTAMP.sub(one, prefix)


def delivered_as_configured(put):
    # [Firehose developer guide, Custom prefixes for Amazon S3 objects]: a prefix with an expression gets no date after
    # it. moto knows no expressions, and neither CompressionFormat nor FileExtension. Other streams are left to it.
    def method(self, delivery_stream_name, version_id, s3_destination, records):
        prefix = s3_destination.get("Prefix") or ""
        if not TIMESTAMP.search(prefix):
            return put(self, delivery_stream_name, version_id, s3_destination, records)
        now = utcnow()
        zipped = s3_destination.get("CompressionFormat") == "GZIP"
        key = (
            f"{filled_in(prefix, now)}{delivery_stream_name}-{version_id}-{now.strftime('%Y-%m-%d-%H-%M-%S')}-"
            f"{mock_random.uuid4()}{s3_destination.get('FileExtension') or ('.gz' if zipped else '')}"
        )
        body = b"".join(r["Data"] for r in records)
        bucket = s3_destination["BucketARN"].split(":")[-1]
        s3_backends[self.account_id][self.partition].put_object(bucket, key, gzip.compress(body) if zipped else body)
        return [{"RecordId": str(mock_random.uuid4())} for _ in records]

    return method


def apply():
    amend.after(DeliveryStream, "__init__", shows_encryption)
    amend.after(FirehoseBackend, "put_s3_records", delivered_as_configured)
