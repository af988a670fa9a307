"""Timestream: conflicts, deletion rules, and a WriteRecords that rejects and upserts as AWS does."""

import json
import threading

import amend
from moto.core.exceptions import JsonRESTError
from moto.timestreamwrite.exceptions import ResourceNotFound
from moto.timestreamwrite.models import TimestreamDatabase, TimestreamTable, TimestreamWriteBackend
from moto.timestreamwrite.responses import TimestreamWriteResponse

RECORDS_PER_CALL = 100  # [AWS 6 Timestream quotas]


class Rejected(JsonRESTError):
    code = 419

    def __init__(self, records):
        message = "One or more records have been rejected. See RejectedRecords for details."
        super().__init__("RejectedRecordsException", message)
        self.description = json.dumps(
            {"__type": self.error_type, "Message": message, "message": message, "RejectedRecords": records}
        )


def refuses_same_name(create, existing, kind):
    # [moto.md: no conflict for Timestream CreateDatabase and CreateTable; moto empties the database]
    def method(self, *args, **kwargs):
        name = args[0] if args else kwargs[f"{kind}_name"]
        if name in existing(self):
            raise JsonRESTError("ConflictException", f"The {kind} {name} already exists.")
        return create(self, *args, **kwargs)

    return method


def strict_database_deletion(delete):
    # [moto.md: DeleteDatabase takes the tables along; AWS refuses. Of a missing one: HTTP 500]
    def method(self, database_name):
        if self.describe_database(database_name).tables:
            raise JsonRESTError("ValidationException", "The database cannot be deleted. It contains tables.")
        return delete(self, database_name)

    return method


def strict_table_deletion(delete):
    # [moto.md: DeleteTable of a missing table is accepted; AWS: ResourceNotFoundException]
    def method(self, table_name):
        if table_name not in self.tables:
            raise ResourceNotFound(f"The table {table_name} does not exist.")
        return delete(self, table_name)

    return method


def keeps_retention(update):
    # [moto.md: UpdateTable without RetentionProperties wipes them]
    def method(self, retention_properties, *args, **kwargs):
        return update(self, retention_properties or self.retention_properties, *args, **kwargs)

    return method


def number(value, kind):
    try:
        kind(value)
    except ValueError:
        return False
    return True


def malformed(record):
    """The reason for which Timestream would reject the record by itself, or None."""
    values = [(record.get("MeasureValueType", "DOUBLE"), record.get("MeasureValue"))]
    if values[0][0] == "MULTI":
        values = [(v.get("Type"), v.get("Value")) for v in record.get("MeasureValues") or []]
    if not record.get("MeasureName") or not values or any(v in (None, "") for _, v in values):
        return "A record must have a measure name and values that are not empty."
    if not number(record.get("Time", ""), int):
        return "The record timestamp is not a number."
    for kind, value in values:
        wrong = (
            (kind in ("DOUBLE",) and not number(value, float))
            or (kind in ("BIGINT", "TIMESTAMP") and not number(value, int))
            or (kind == "BOOLEAN" and value not in ("true", "false", "TRUE", "FALSE", "True", "False"))
        )
        if wrong:
            return f"The value {value!r} is no {kind}."
    return None


def identity(record):
    """Two records with the same identity are the same point. [AWS 6 Timestream: upserts by Version]"""
    dimensions = sorted((d["Name"], d["Value"]) for d in record.get("Dimensions") or [])
    return json.dumps([dimensions, record["MeasureName"], record["Time"], record.get("TimeUnit", "MILLISECONDS")])


def content(record):
    return {k: v for k, v in record.items() if k not in ("Version", "Dimensions")}


lock = threading.Lock()


def write_records(self):
    with lock:  # calls come from many threads
        return write(self)


def write(self):
    """Adds the records to the table; a later version replaces, the same version with other values is rejected."""
    backend = self.timestreamwrite_backend
    table = backend.describe_table(self._get_param("DatabaseName"), self._get_param("TableName"))
    common = self._get_param("CommonAttributes") or {}
    records = self._get_param("Records") or []
    if not 1 <= len(records) <= RECORDS_PER_CALL:
        raise JsonRESTError(
            "ValidationException",
            "1 validation error detected: Value at 'records' failed to satisfy constraint: "
            f"Member must have length less than or equal to {RECORDS_PER_CALL}",
        )
    points = table.__dict__.setdefault("points", {})
    rejected = []
    for index, own in enumerate(records):
        record = common | own
        record["Dimensions"] = (common.get("Dimensions") or []) + (own.get("Dimensions") or [])
        reason = malformed(record)
        if reason:
            rejected.append({"RecordIndex": index, "Reason": reason})
            continue
        record.setdefault("Version", 1)
        key = identity(record)
        at = points.get(key)
        known = None if at is None else table.records[at]
        if known and (record["Version"] < known["Version"] or (record["Version"] == known["Version"] and content(record) != content(known))):
            reason = "A record with the same key and a version not below exists, with other values."
            rejected.append({"RecordIndex": index, "Reason": reason, "ExistingVersion": known["Version"]})
            continue
        if known:
            table.records[at] = record
        else:
            points[key] = len(table.records)
            table.records.append(record)
    if rejected:
        raise Rejected(rejected)
    return json.dumps({"RecordsIngested": {"Total": len(records), "MemoryStore": len(records), "MagneticStore": 0}})


def forgets_tags(describe):
    # An object's tags go with it; moto keeps them by ARN, so that the next object of the name has them.
    def change(delete):
        def method(self, *args, **names):
            arn = describe(self, *args, **names).arn
            delete(self, *args, **names)
            self.tagging_service.delete_all_tags_for_resource(arn)

        return method

    return change


def apply():
    create_database = refuses_same_name(TimestreamWriteBackend.create_database, lambda b: b.databases, "database")
    TimestreamWriteBackend.create_database = create_database
    TimestreamDatabase.create_table = refuses_same_name(TimestreamDatabase.create_table, lambda d: d.tables, "table")
    amend.after(TimestreamWriteBackend, "delete_database", strict_database_deletion)
    amend.after(TimestreamDatabase, "delete_table", strict_table_deletion)
    amend.after(TimestreamWriteBackend, "delete_database", forgets_tags(TimestreamWriteBackend.describe_database))
    amend.after(TimestreamWriteBackend, "delete_table", forgets_tags(TimestreamWriteBackend.describe_table))
    amend.after(TimestreamTable, "update", keeps_retention)
    TimestreamWriteResponse.write_records = write_records
