"""EventBridge Scheduler: each name is taken once, a group takes its tags along, and what is absent is not found."""

import amend
from moto.scheduler.exceptions import ScheduleGroupNotFound
from moto.core.exceptions import JsonRESTError
from moto.scheduler.models import EventBridgeSchedulerBackend


class Conflict(JsonRESTError):
    code = 409

    def __init__(self, message):
        super().__init__("ConflictException", message)


def refuses_same_group(create):
    # [CreateScheduleGroup, Errors: ConflictException]; moto replaces the group and loses its schedules.
    def method(self, name, tags):
        if name in self.schedule_groups:
            raise Conflict(f"Schedule group {name} already exists.")
        return create(self, name, tags or [])

    return method


def needs_group(create):
    # [CreateSchedule, Errors: ResourceNotFoundException]; moto fails with an internal error.
    def method(self, group_name, **more):
        self.get_schedule_group(group_name)
        return create(self, group_name=group_name, **more)

    return method


def forgets_tags(delete):
    # [DeleteScheduleGroup, Errors: ResourceNotFoundException]; moto fails with an internal error, and keeps the tags of
    # a deleted group for the next one of its name.
    def method(self, name):
        self.tagger.delete_all_tags_for_resource(self.get_schedule_group(name).arn)
        delete(self, name)

    return method


def tags_of_what_exists(listing):
    # [ListTagsForResource, Errors: ResourceNotFoundException]; moto answers with no tags.
    def method(self, resource_arn):
        if resource_arn not in {group.arn for group in self.schedule_groups.values()}:
            raise ScheduleGroupNotFound(resource_arn.rsplit("/", 1)[-1])
        return listing(self, resource_arn)

    return method


def apply():
    amend.after(EventBridgeSchedulerBackend, "create_schedule_group", refuses_same_group)
    amend.after(EventBridgeSchedulerBackend, "create_schedule", needs_group)
    amend.after(EventBridgeSchedulerBackend, "delete_schedule_group", forgets_tags)
    amend.after(EventBridgeSchedulerBackend, "list_tags_for_resource", tags_of_what_exists)
