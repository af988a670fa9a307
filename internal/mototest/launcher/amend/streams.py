"""Kinesis: tags at creation and the tag operations that take an ARN."""

import amend
from moto.core.responses import ActionResult, EmptyResult
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


def apply():
    amend.after(KinesisResponse, "create_stream", tagged)
    KinesisResponse.tag_resource = tag_resource
    KinesisResponse.untag_resource = untag_resource
    KinesisResponse.list_tags_for_resource = list_tags_for_resource
