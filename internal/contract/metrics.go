package contract

// The table of metrics has an item per device and window. Its hash key is DeviceKey; MeasuresAttribute is a map from
// the measure to the statistics below.
const (
	// WindowStartKey is the range key: the window's start (RFC 3339, UTC), "#", and what tells several items of one
	// window apart.
	WindowStartKey = "window_start"
	// WindowEndKey is the window's end (RFC 3339, UTC).
	WindowEndKey = "window_end"
)

// Statistics of a measure. Times are numbers, epoch ms.
const (
	CountStatistic      = "count"
	SumStatistic        = "sum"
	MinimumStatistic    = "minimum"
	MaximumStatistic    = "maximum"
	AverageStatistic    = "average"
	FirstValueStatistic = "first_value"
	FirstAtStatistic    = "first_at"
	LastValueStatistic  = "last_value"
	LastAtStatistic     = "last_at"
)

// MetricsColumns returns the columns of the table of exported metrics, in order. The metrics function writes one JSON
// document with these members per device, measure and window.
func MetricsColumns() []Column {
	return []Column{
		{"thing", "string"},
		{"measure", "string"},
		{"window_start", "timestamp"},
		{"window_end", "timestamp"},
		{CountStatistic, "bigint"},
		{SumStatistic, "double"},
		{MinimumStatistic, "double"},
		{MaximumStatistic, "double"},
		{AverageStatistic, "double"},
		{FirstValueStatistic, "double"},
		{FirstAtStatistic, "timestamp"},
		{LastValueStatistic, "double"},
		{LastAtStatistic, "timestamp"},
		{"part", "string"}, // tells apart several rows of one device, measure and window
	}
}

// What the function puts into the table while a window is open: series in its own encoding.
const (
	// SpillItem begins the hash key of such an item; no thing's name can.
	SpillItem       = "$spill#"
	SeriesAttribute = "series"
)
