package costs

import "slices"

// PricesAsOf is the day on which the price table was last compared with its sources.
const PricesAsOf = "2026-11-29"

// Region is the AWS region of the list prices.
const Region = "us-east-1"

// Currency is the currency of all prices.
const Currency = "USD"

// Price is one list price.
type Price struct {
	Key   string  // how the argument prices names it
	USD   float64 // per Unit
	Unit  string
	Tiers []Tier // what applies beyond a quantity; nil: the price is flat
	Page  string // AWS's price page
	Known string // when the newest copy of the page was made, as exactly as it says; "": it has no date
	Basis string // what the price rests on, where that is more than a copy of the page; what it leaves out
}

// Tier is a lower price for what exceeds a quantity.
type Tier struct {
	Above float64 // quantity, in the price's unit
	USD   float64
}

// Units of several prices.
const (
	million  = "million"
	gigabyte = "GB" // 2^30 bytes, as AWS counts
	gbMonth  = "GB-month"
	hour     = "hour"
	piece    = "piece and month"
)

// Price pages of several prices.
const (
	pageIoT        = "AWS IoT Core"
	pageKinesis    = "Amazon Kinesis Data Streams"
	pageFirehose   = "Amazon Data Firehose"
	pageLambda     = "AWS Lambda"
	pageDynamoDB   = "Amazon DynamoDB"
	pageS3         = "Amazon S3"
	pageTimestream = "Amazon Timestream"
	pageCloudWatch = "Amazon CloudWatch"
	pageSNS        = "Amazon SNS"
)

// prices are the list prices in Region, without free tiers. AWS's price pages fill in their numbers in a browser, so
// each price comes from copies of its page: quotations of the price list of summer 2026 for Kinesis, DynamoDB and
// Firehose, examples on the pages themselves, and dated calculations that people published.
var prices = []Price{
	{Key: "iot_message", USD: 1, Unit: million, Page: pageIoT, Known: "2026-09",
		Tiers: []Tier{{Above: 1000, USD: 0.80}, {Above: 5000, USD: 0.70}}, Basis: "metered in 5 KB"},
	{Key: "iot_rule", USD: 0.15, Unit: million, Page: pageIoT, Known: "2026-02",
		Basis: "metered in 5 KB; a rule counts as triggered when its topic matches, whatever its condition says"},
	{Key: "iot_action", USD: 0.15, Unit: million, Page: pageIoT, Known: "2026-02", Basis: "metered in 5 KB"},
	{Key: "iot_connection", USD: 0.08, Unit: "million minutes", Page: pageIoT, Known: "2026-09"},

	{Key: "greengrass_core", USD: 0.16, Unit: piece, Page: "AWS IoT Greengrass", Known: "2026-07",
		Basis: "a core device that connects in the month, whatever it runs"},
	{Key: "kinesis_stream_hour", USD: 0.04, Unit: hour, Page: pageKinesis, Known: "2026-08", Basis: "on demand"},
	{Key: "kinesis_in", USD: 0.08, Unit: gigabyte, Page: pageKinesis, Known: "2026-08",
		Basis: "on demand; each record rounded up to 1 KB"},
	{Key: "kinesis_out", USD: 0.04, Unit: gigabyte, Page: pageKinesis, Known: "2026-08",
		Basis: "on demand; per reader; counted as rounded, like kinesis_in"},
	{Key: "kinesis_shard_hour", USD: 0.015, Unit: hour, Page: pageKinesis, Known: "2026-08", Basis: "provisioned"},
	{Key: "kinesis_put", USD: 0.014, Unit: million, Page: pageKinesis, Known: "2026-08",
		Basis: "provisioned; units of 25 KB"},

	{Key: "sqs_request", USD: 0.40, Unit: million, Page: "Amazon SQS", Known: "2026-06",
		Basis: "standard queues, each 64 KB of a request; the first million of an account's requests in a month " +
			"is free, which is not counted here"},

	{Key: "lambda_request", USD: 0.20, Unit: million, Page: pageLambda, Known: "2026"},
	{Key: "lambda_gb_second", USD: 13.3334, Unit: "million GB-seconds", Page: pageLambda, Known: "2026",
		Basis: "arm64"},
	{Key: "log_in", USD: 0.50, Unit: gigabyte, Page: pageCloudWatch, Known: "2026-06",
		Basis: "standard log class; ingestion only"},
	{Key: "custom_metric", USD: 0.30, Unit: piece, Page: pageCloudWatch, Known: "2026-02", Basis: "the first 10,000"},

	{Key: "alarm_metric", USD: 0.10, Unit: piece, Page: pageCloudWatch, Known: "2026-02",
		Basis: "standard resolution; each metric of an alarm"},
	{Key: "dashboard", USD: 3, Unit: piece, Page: pageCloudWatch, Known: "2026-02",
		Basis: "three dashboards of up to 50 metrics each are free; a pipeline's has more"},

	{Key: "http_api_request", USD: 1, Unit: million, Page: "Amazon API Gateway", Known: "2026",
		Tiers: []Tier{{Above: 300, USD: 0.90}},
		Basis: "HTTP APIs, metered in 512 KB; data to the internet not counted"},

	{Key: "dynamodb_write", USD: 0.625, Unit: million, Page: pageDynamoDB, Known: "2026-08",
		Basis: "on demand; units of 1 KB, for the table and for each index entry that is written or deleted"},
	{Key: "dynamodb_read", USD: 0.125, Unit: million, Page: pageDynamoDB, Known: "2026-08",
		Basis: "on demand; units of 4 KB"},
	{Key: "dynamodb_storage", USD: 0.25, Unit: gbMonth, Page: pageDynamoDB, Known: "2026-08"},
	{Key: "dynamodb_recovery", USD: 0.20, Unit: gbMonth, Page: pageDynamoDB, Known: "2026-02",
		Basis: "point-in-time recovery"},

	{Key: "firehose_in", USD: 0.029, Unit: gigabyte, Page: pageFirehose, Known: "2026-07",
		Basis: "the page names direct puts and Kinesis streams together: each record is rounded up to 5 KB"},
	{Key: "firehose_conversion", USD: 0.018, Unit: gigabyte, Page: pageFirehose, Known: "2026-07",
		Basis: "of what is ingested, rounded up to 5 KB as well"},
	{Key: "s3_put", USD: 5, Unit: million, Page: pageS3, Known: "2026-09", Basis: "Standard"},
	{Key: "s3_storage", USD: 0.023, Unit: gbMonth, Page: pageS3, Basis: "Standard, the first 50 TB"},
	{Key: "athena_scan", USD: 5, Unit: "TB", Page: "Amazon Athena", Known: "2026-07",
		Basis: "at least 10 MB per query; S3 requests of a query not counted"},

	{Key: "timestream_write", USD: 0.50, Unit: million, Page: pageTimestream, Known: "2026",
		Basis: "LiveAnalytics; records of 1 KB"},
	{Key: "timestream_memory", USD: 0.036, Unit: "GB-hour", Page: pageTimestream, Known: "2026"},
	{Key: "timestream_magnetic", USD: 0.03, Unit: gbMonth, Page: pageTimestream, Known: "2026"},
	{Key: "influxdb_medium_hour", USD: 0.12, Unit: hour, Page: pageTimestream, Known: "2026-02",
		Basis: "db.influx.medium, one zone; the price doubles with each size. Storage is not counted: no price found"},

	{Key: "sns_publish", USD: 0.50, Unit: million, Page: pageSNS},
	{Key: "sns_email", USD: 20, Unit: million, Page: pageSNS},
	{Key: "secret", USD: 0.40, Unit: piece, Page: "AWS Secrets Manager"},
}

// Prices returns the price table.
func Prices() []Price { return slices.Clone(prices) }

// priceOf returns a price by its key. A test checks every key that the package uses.
func priceOf(key string) Price {
	for _, p := range prices {
		if p.Key == key {
			return p
		}
	}
	return Price{}
}

// cost is what a quantity costs, tier by tier.
func (p Price) cost(quantity float64) float64 {
	total, usd, from := 0.0, p.USD, 0.0
	for _, t := range p.Tiers {
		if quantity <= t.Above {
			break
		}
		total += (t.Above - from) * usd
		usd, from = t.USD, t.Above
	}
	return total + (quantity-from)*usd
}
