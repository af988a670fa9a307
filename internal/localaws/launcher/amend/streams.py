"""Kinesis: tags at creation, the tag operations that take an ARN, and shards that lose and repeat nothing under load."""

import threading

import amend
from moto.core.responses import ActionResult, EmptyResult
from moto.kinesis.models import Record, Shard, Stream
from moto.kinesis.responses import KinesisResponse


def tagged(create):
    # [moto.md: Kinesis CreateStream drops Tags]
    def method(self):
        answer = create(self)
        tags = self._get_param("Tags")
        if tags:
            self.kinesis_backend.add_tags_to_stream(None, self._get_param("StreamName"), tags)
        return answer

    return method


# [moto.md: Kinesis TagResource, ListTagsForResource not implemented]


def tag_resource(self):
    self.kinesis_backend.add_tags_to_stream(self._get_param("ResourceARN"), None, self._get_param("Tags"))
    return EmptyResult()


def untag_resource(self):
    self.kinesis_backend.remove_tags_from_stream(self._get_param("ResourceARN"), None, self._get_param("TagKeys"))
    return EmptyResult()


def list_tags_for_resource(self):
    answer = self.kinesis_backend.list_tags_for_stream(self._get_param("ResourceARN"), None, None, None)
    return ActionResult({"Tags": answer["Tags"]})


# moto says of its shards that they are not safe for concurrency: two calls at once give two records one sequence number,
# and a read beside a write fails. Besides, both take time in proportion to all records ever put. Sequence numbers count
# from 1 without gaps, so that a number is a position.
lock = threading.Lock()


def put_record(self, partition_key, data, explicit_hash_key):
    with lock:
        number = len(self.records) + 1
        self.records[number] = Record(partition_key, data, number, explicit_hash_key)
    return str(number)


def get_records(self, last_sequence_id, limit):
    first = int(last_sequence_id) + 1
    with lock:
        last = min(len(self.records), first - 1 + (limit or 10000))
        results = [self.records[number] for number in range(first, last + 1)]
        newest = self.records[len(self.records)].created_at if self.records else 0
    behind = newest - results[-1].created_at if results else 0
    return results, max(last, first - 1), int(behind * 1000)


def put_in_shard(self, partition_key, explicit_hash_key, data):
    # moto would also run the function of each event source mapping, once per record, in Docker. Who reads the stream is
    # not the stream's business: the local runtime polls it, as Lambda does.
    shard = self.get_shard_for_key(partition_key, explicit_hash_key)
    return shard.put_record(partition_key, data, explicit_hash_key), shard.shard_id


def apply():
    Shard.put_record = put_record
    Shard.get_records = get_records
    Shard.get_max_sequence_number = lambda self: len(self.records)
    Stream.put_record = put_in_shard
    amend.after(KinesisResponse, "create_stream", tagged)
    KinesisResponse.tag_resource = tag_resource
    KinesisResponse.untag_resource = untag_resource
    KinesisResponse.list_tags_for_resource = list_tags_for_resource
