"""Athena: workgroups that can be changed and refuse as AWS does, and named queries that can be changed and deleted.

The messages are those by which hashicorp/aws recognises an absent workgroup ("is not found") and query ("does not
exist"), since Athena has one code for all it refuses.
"""

import json

import amend
from moto.athena.models import AthenaBackend
from moto.athena.responses import AthenaResponse
from moto.core.exceptions import JsonRESTError
from moto.moto_api._internal import mock_random


def refused(message):
    return JsonRESTError("InvalidRequestException", message)


def workgroup(backend, name):
    if name not in backend.work_groups:
        raise refused(f"WorkGroup {name} is not found.")
    return backend.work_groups[name]


def named_query(backend, query_id):
    if query_id not in backend.named_queries:
        raise refused(f"Named query {query_id} does not exist.")
    return backend.named_queries[query_id]


def finds(get):
    # moto answers null for a workgroup that does not exist.
    def method(self, name):
        workgroup(self, name)
        return get(self, name)

    return method


def strict_deletion(delete):
    # [Athena API DeleteWorkGroup: RecursiveDeleteOption is needed while the workgroup holds named queries]. moto takes
    # anything, keeps the queries, and the tags for the next workgroup of the name.
    def method(self):
        name, backend = self._get_param("WorkGroup"), self.athena_backend
        group = workgroup(backend, name)
        held = [key for key, query in backend.named_queries.items() if query.workgroup is group]
        if held and not self._get_param("RecursiveDeleteOption"):
            raise refused(f"WorkGroup {name} is not empty.")
        for key in held:
            del backend.named_queries[key]
        backend.tagger.delete_all_tags_for_resource(group.arn)
        return delete(self)

    return method


def merged(settings, updates):
    """[Athena API WorkGroupConfigurationUpdates]: what is named is replaced, and Remove… takes it away."""
    for key, value in updates.items():
        if key.startswith("Remove"):
            if value:
                settings.pop(key.removeprefix("Remove"), None)
        elif key.endswith("Updates"):
            merged(settings.setdefault(key.removesuffix("Updates"), {}), value)
        else:
            settings[key] = value


def update_work_group(self):
    group = workgroup(self.athena_backend, self._get_param("WorkGroup"))
    merged(group.configuration, self._get_param("ConfigurationUpdates") or {})
    if self._get_param("Description") is not None:
        group.description = self._get_param("Description")
    group.state = self._get_param("State") or group.state
    return "{}"


PAGE = 50  # [Athena API ListNamedQueries: MaxResults]


def list_named_queries(self):
    # moto lists nothing for a workgroup that does not exist, and fails when there is a second page.
    group = workgroup(self.athena_backend, self._get_param("WorkGroup") or "primary")
    every = [key for key, query in self.athena_backend.named_queries.items() if query.workgroup is group]
    first, size = int(self._get_param("NextToken") or 0), self._get_param("MaxResults") or PAGE
    answer = {"NamedQueryIds": every[first : first + size]}
    if first + size < len(every):
        answer["NextToken"] = str(first + size)
    return json.dumps(answer)


def list_tags_for_resource(self):
    # moto says of a workgroup without tags that it does not exist. [Athena API ListTagsForResource:
    # ResourceNotFoundException]
    arn, backend = self._get_param("ResourceARN"), self.athena_backend
    if arn not in {group.arn for group in backend.work_groups.values()}:
        raise JsonRESTError("ResourceNotFoundException", f"Resource {arn} is not found.")
    return json.dumps(backend.tagger.list_tags_for_resource(arn))


def described(query):
    return {
        "Name": query.name,
        "Description": query.description,
        "Database": query.database,
        "QueryString": query.query_string,
        "NamedQueryId": query.id,
        "WorkGroup": query.workgroup.name,
    }


def get_named_query(self):
    # moto: HTTP 500 for one that does not exist.
    return json.dumps({"NamedQuery": described(named_query(self.athena_backend, self._get_param("NamedQueryId")))})


def batch_get_named_query(self):
    # [Athena API BatchGetNamedQuery: at most 50; what does not exist is in UnprocessedNamedQueryIds]
    queries = self.athena_backend.named_queries
    wanted = self._get_param("NamedQueryIds")
    return json.dumps(
        {
            "NamedQueries": [described(queries[key]) for key in wanted if key in queries],
            "UnprocessedNamedQueryIds": [
                {"NamedQueryId": key, "ErrorCode": "INTERNAL_FAILURE", "ErrorMessage": "does not exist"}
                for key in wanted
                if key not in queries
            ],
        }
    )


def update_named_query(self):
    # [Athena API UpdateNamedQuery: name, description and text; neither database nor workgroup]
    query = named_query(self.athena_backend, self._get_param("NamedQueryId"))
    query.name, query.query_string = self._get_param("Name"), self._get_param("QueryString")
    if self._get_param("Description") is not None:
        query.description = self._get_param("Description")
    return "{}"


def delete_named_query(self):
    query = named_query(self.athena_backend, self._get_param("NamedQueryId"))
    del self.athena_backend.named_queries[query.id]
    return "{}"


def idempotent_creation(create):
    # [Athena API CreateNamedQuery: ClientRequestToken]: an SDK that repeats a request whose answer was lost must not make
    # a second query.
    def method(self):
        token, made = self._get_param("ClientRequestToken"), vars(self.athena_backend).setdefault("request_tokens", {})
        if token is None or made.get(token) not in self.athena_backend.named_queries:
            answer = create(self)
            if not isinstance(answer, str):
                return answer
            made[token or str(mock_random.uuid4())] = json.loads(answer)["NamedQueryId"]
            return answer
        return json.dumps({"NamedQueryId": made[token]})

    return method


def apply():
    amend.after(AthenaBackend, "get_work_group", finds)
    amend.after(AthenaResponse, "delete_work_group", strict_deletion)
    amend.after(AthenaResponse, "create_named_query", idempotent_creation)
    AthenaResponse.update_work_group = update_work_group
    AthenaResponse.list_tags_for_resource = list_tags_for_resource
    AthenaResponse.list_named_queries = list_named_queries
    AthenaResponse.get_named_query = get_named_query
    AthenaResponse.batch_get_named_query = batch_get_named_query
    AthenaResponse.update_named_query = update_named_query
    AthenaResponse.delete_named_query = delete_named_query
