package contract

// Column is a column of a Glue table; Type is Hive's.
type Column struct{ Name, Type string }

// ArchiveColumns returns the columns of the batched archive's table, in order. The archiver writes one JSON document
// with these members per row and leaves out what has no value.
func ArchiveColumns() []Column {
	return []Column{
		{"thing", "string"},
		{"time", "timestamp"},
		{"arrived_at", "timestamp"},
		{"kind", "string"},
		{"measures", "map<string,double>"},
		{"texts", "map<string,string>"},
		{"flags", "map<string,boolean>"},
		{"payload", "string"},
		{"payload_encoding", "string"},
		{"sequence_number", "string"},
	}
}

// ArchivePartition is the partition column of the archive's table: the day of delivery, as 2006-01-02 in UTC.
const ArchivePartition = "day"

// Values of the archive's column kind.
const (
	ArchiveTelemetry     = "telemetry"
	ArchiveStatus        = "status"
	ArchivePresence      = "presence"       // what AWS IoT says of a device's connection
	ArchiveCommandResult = "command_result" // what a device answered to a command
	ArchiveOther         = "other"          // what could not be read as any of these
)

// Values of the archive's column payload_encoding.
const (
	ArchiveText   = "text"
	ArchiveBase64 = "base64"
)
