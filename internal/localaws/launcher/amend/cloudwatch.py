"""CloudWatch: alarms and dashboards that are written again as AWS does it, and tags of dashboards.

[CloudWatch API PutMetricAlarm, PutDashboard, TagResource, DeleteAlarms]: a write to what exists replaces its settings,
keeps the state of an alarm, and ignores the tags. What is deleted takes its tags along.
"""

import amend
from moto.cloudwatch.exceptions import ResourceNotFoundException
from moto.cloudwatch.models import CloudWatchBackend
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import EmptyResult
from moto.utilities.utils import get_partition

STATE = ("history", "state_reason", "state_reason_data", "state_value", "state_updated_timestamp")


def keeps_state(put):
    def method(self, name, **settings):
        before = self.alarms.get(name)
        if before is not None:
            settings.pop("tags", None)
        alarm = put(self, name=name, **settings)
        if before is None:
            alarm.state_value = "INSUFFICIENT_DATA"  # [CloudWatch user guide, alarm states]
        else:
            for attribute in STATE:
                setattr(alarm, attribute, getattr(before, attribute))
        return alarm

    return method


def forgets_alarms(delete):
    def method(self, alarm_names):
        for name in alarm_names:
            if name in self.alarms:
                self.tagger.delete_all_tags_for_resource(self.alarms[name].alarm_arn)
        return delete(self, alarm_names)

    return method


def dashboard_arn(backend, name):
    return f"arn:{get_partition(backend.region_name)}:cloudwatch::{backend.account_id}:dashboard/{name}"


def tagged_dashboard(put):
    def method(self):
        backend, name = self.cloudwatch_backend, self._get_param("DashboardName")
        new, tags = name not in backend.dashboards, self._get_param("Tags", [])
        answer = put(self)
        if new and tags:
            backend.tagger.tag_resource(dashboard_arn(backend, name), tags)
        return answer

    return method


def forgets_dashboards(delete):
    def method(self, dashboards):
        error = delete(self, dashboards)
        if error is None:
            for name in dashboards:
                self.tagger.delete_all_tags_for_resource(dashboard_arn(self, name))
        return error

    return method


def of_what_exists(backend, arn):
    alarms = (alarm.alarm_arn for alarm in backend.alarms.values())
    dashboards = (dashboard_arn(backend, name) for name in backend.dashboards)
    if arn not in {*alarms, *dashboards, *backend.insight_rules}:
        raise ResourceNotFoundException


def tags_what_exists(_):
    def method(self, arn, tags):
        of_what_exists(self, arn)
        self.tagger.tag_resource(arn, tags)

    return method


def untags_what_exists(_):
    def method(self, arn, tag_keys):
        of_what_exists(self, arn)
        self.tagger.untag_resource_using_names(arn, tag_keys)

    return method


def switch(enabled):
    # moto does not know the calls.
    def method(self):
        for name in self._get_param("AlarmNames", []):
            if name in self.cloudwatch_backend.alarms:
                self.cloudwatch_backend.alarms[name].actions_enabled = enabled
        return EmptyResult()

    return lambda _: method


def apply():
    amend.after(CloudWatchBackend, "put_metric_alarm", keeps_state)
    amend.after(CloudWatchBackend, "delete_alarms", forgets_alarms)
    amend.after(CloudWatchBackend, "delete_dashboards", forgets_dashboards)
    amend.after(CloudWatchBackend, "tag_resource", tags_what_exists)
    amend.after(CloudWatchBackend, "untag_resource", untags_what_exists)
    amend.after(CloudWatchResponse, "put_dashboard", tagged_dashboard)
    amend.after(CloudWatchResponse, "disable_alarm_actions", switch(False))
    amend.after(CloudWatchResponse, "enable_alarm_actions", switch(True))
