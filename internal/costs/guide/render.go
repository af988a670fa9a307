package main

import (
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"text/template"

	"github.com/iot-pipeline/terraform-provider-iot/internal/costs"
)

// source is the guide with a place for each table.
//
//go:embed costs.md.tmpl
var source string

// tables are what the template can call; each returns a table in Markdown or a number.
var tables = template.FuncMap{
	"asOf":         func() string { return costs.PricesAsOf },
	"region":       func() string { return costs.Region },
	"cheapest":     cheapest,
	"perMillion":   perMillionTable,
	"windows":      windowTable,
	"refresh":      refreshTable,
	"shards":       shardTable,
	"monthly":      monthlyTable,
	"idle":         idleTable,
	"modes":        modeTable,
	"idlePolls":    idlePolls,
	"queries":      queryTable,
	"gateways":     gatewayTable,
	"command":      commandCost,
	"prices":       priceTable,
	"indexWrites":  indexWrites,
	"fourReadings": fourReadings,
}

func render() (string, error) {
	t, err := template.New("costs").Funcs(tables).Parse(source)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	if err := t.Execute(&out, nil); err != nil {
		return "", err
	}
	return out.String(), nil
}

// setup is a row of a table.
type setup struct {
	name   string
	change func(*costs.Setup)
}

func broker(s *costs.Setup)     { s.BasicIngest = false }
func perMessage(s *costs.Setup) { s.BasicIngest, s.Archive.Delivery = false, "per_message" }
func basic(s *costs.Setup)      { s.BasicIngest = true }
func lines(s *costs.Setup)      { s.Archive.Format = "json" }
func noArchive(s *costs.Setup)  { s.Archive.Enabled = false }
func recent(s *costs.Setup)     { s.Recent = costs.DefaultRecent() }
func metrics(s *costs.Setup)    { s.Metrics = costs.DefaultMetrics() }
func timestream(s *costs.Setup) { s.Timestream = costs.DefaultTimestream() }
func influxdb(s *costs.Setup)   { s.InfluxDB = &costs.InfluxDB{} }
func alerts(s *costs.Setup) {
	s.BasicIngest, s.Alerts = false, &costs.Alerts{Evaluate: "rule", Share: 0.001}
}
func alertsInStream(s *costs.Setup) { s.Alerts = &costs.Alerts{Evaluate: "stream", Share: 0.001} }
func longBatches(s *costs.Setup)    { s.Processor = costs.Cheapest(1).Processor }
func provisioned(s *costs.Setup)    { s.Stream.Mode = "provisioned" }
func queue(s *costs.Setup)          { s.Stream.Mode = "queue" }

func setups() []setup {
	with := func(name string, changes ...func(*costs.Setup)) setup {
		return setup{name, func(s *costs.Setup) {
			for _, change := range changes {
				change(s)
			}
		}}
	}
	return []setup{
		with("broker, archive per message", perMessage),
		with("broker, archive as JSON", broker, lines),
		with("**broker, archive as Parquet: the default**", broker),
		with("broker, archive as Parquet, long batches", broker, longBatches),
		with("Basic Ingest, archive as JSON", basic, lines),
		with("Basic Ingest, archive as Parquet", basic),
		with("**Basic Ingest, archive as Parquet, long batches**", basic, longBatches),
		with("the same with `recent`", basic, longBatches, recent),
		with("the same with `metrics`", basic, longBatches, metrics),
		with("the same with `timestream`", basic, longBatches, timestream),
		with("the same with `influxdb`", basic, longBatches, influxdb),
		with("the same without archive", basic, longBatches, noArchive),
		with("the default with a queue", broker, queue),
		with("the default with `alerts`, one message in 1000 raising one", broker, alerts),
		with("Basic Ingest, archive as Parquet, `alerts.evaluate = \"stream\"`", basic, alertsInStream),
	}
}

// fleet is the fleet of most tables: 1000 devices that send 1 KB each minute.
func fleet(devices float64, change func(*costs.Setup)) costs.Setup {
	s := costs.Default()
	s.Devices = devices
	change(&s)
	return s
}

// columns of the table per million messages, and the items that belong to them, by the beginning of their names.
var columns = []struct {
	name  string
	items []string
}{
	{"AWS IoT", []string{"AWS IoT"}},
	{"stream or queue", []string{"Kinesis", "SQS"}},
	{"functions", []string{"processor", "archiver", "alerts", "metrics"}},
	{"device state", []string{"DynamoDB: device state"}},
	{"archive", []string{"Firehose: data", "Firehose: conversion", "S3: o", "S3: archive"}},
	{"other stores", []string{"DynamoDB: re", "DynamoDB: metrics", "DynamoDB: cooldowns", "DynamoDB: rules",
		"Firehose: metrics", "S3: metrics", "Timestream", "SNS"}},
}

func perMillionTable() (string, error) {
	t := table{header: []string{"setup"}}
	for _, c := range columns {
		t.header = append(t.header, c.name)
	}
	t.header = append(t.header, "**sum**")
	for _, row := range setups() {
		estimate, err := costs.Of(fleet(1000, row.change))
		if err != nil {
			return "", fmt.Errorf("%s: %w", row.name, err)
		}
		cells, rest := []string{row.name}, estimate.PerMillion()
		for _, c := range columns {
			sum := perMillionOf(estimate, c.items)
			rest -= sum
			cells = append(cells, cents(sum))
		}
		if rest > 1e-9 {
			return "", fmt.Errorf("%s: items of %.4f USD are in no column", row.name, rest)
		}
		t.add(append(cells, "**"+cents(estimate.PerMillion())+"**")...)
	}
	return t.String(), nil
}

func perMillionOf(e costs.Estimate, beginnings []string) float64 {
	sum := 0.0
	for _, i := range e.Items {
		for _, b := range beginnings {
			if strings.HasPrefix(i.Name, b) && !i.Fixed {
				sum += i.Cost / (e.Messages / 1e6)
				break
			}
		}
	}
	return sum
}

func cheapest() (string, error) {
	e, err := costs.Of(costs.Cheapest(1000))
	return cents(e.PerMillion()), err
}

// fourReadings is what a million readings cost if four share a message.
func fourReadings() (string, error) {
	s := costs.Cheapest(1000)
	s.ReadingsPerMessage, s.MessageBytes, s.IntervalSeconds = 4, 4*s.MessageBytes, 4*s.IntervalSeconds
	e, err := costs.Of(s)
	return cents(e.PerMillion() / s.ReadingsPerMessage), err
}

// windowTable shows what the length of a batch does.
func windowTable() (string, error) {
	intervals := []float64{10, 60, 300}
	t := table{header: []string{"`batch_window_seconds`", "a message every 10 s", "every 60 s", "every 300 s"}}
	for _, window := range []float64{1, 30, 60, 120, 180, 300} {
		cells := []string{fmt.Sprintf("%.0f", window)}
		for _, interval := range intervals {
			s := costs.Cheapest(1000)
			s.IntervalSeconds, s.Processor.BatchWindowSeconds = interval, window
			e, err := costs.Of(s)
			if err != nil {
				return "", err
			}
			cells = append(cells, cents(e.PerMillion()))
		}
		t.add(cells...)
	}
	return t.String(), nil
}

// refreshTable shows what writing the state on change saves, per million messages.
func refreshTable() (string, error) {
	t := table{header: []string{"a message every", "writes, `refresh_seconds = 0`", "`60`", "`300`", "USD, `0`", "`60`",
		"`300`"}}
	for _, interval := range []float64{1, 10, 30, 60} {
		var writes, usd []string
		for _, seconds := range []float64{0, 60, 300} {
			s := costs.Default()
			s.Devices, s.IntervalSeconds, s.DeviceState.RefreshSeconds = 1000, interval, seconds
			e, err := costs.Of(s)
			if err != nil {
				return "", err
			}
			i := s.Processing()
			writes = append(writes, thousands(math.Round(1e6*i.Updates/i.Messages)))
			usd = append(usd, cents(perMillionOf(e, []string{"DynamoDB: device state"})))
		}
		t.add(slices.Concat([]string{fmt.Sprintf("%.0f s", interval)}, writes, usd)...)
	}
	return t.String(), nil
}

// shardTable shows that more shards can cost less: a batch then holds several messages of each device.
func shardTable() (string, error) {
	t := table{header: []string{"shards", "devices per shard", "messages per batch", "device state", "stream",
		"**total**"}}
	for _, shards := range []float64{2, 30, 60, 100, 150, 300} {
		s := costs.Cheapest(100_000)
		provisioned(&s)
		s.Stream.Shards = shards
		e, err := costs.Of(s)
		if err != nil {
			return "", err
		}
		state, err := costOf(e, "DynamoDB: device state")
		if err != nil {
			return "", err
		}
		stream, err := costOf(e, "Kinesis: shards")
		if err != nil {
			return "", err
		}
		t.add(thousands(shards), thousands(s.Devices/shards), thousands(s.Processing().Messages), cents(state),
			cents(stream), "**"+cents(e.Total())+"**")
	}
	return t.String(), nil
}

// indexWrites is the part of the device state's costs that the index makes, per million updates.
func indexWrites() string {
	for _, p := range costs.Prices() {
		if p.Key == "dynamodb_write" {
			return cents(2 * p.USD)
		}
	}
	return "?"
}

func monthlyTable() (string, error) {
	t := table{header: []string{"devices", "messages per month", "fixed", "default", "Basic Ingest",
		"Basic Ingest, long batches", "the same, `provisioned`"}}
	for _, devices := range []float64{3, 1000, 100_000} {
		cells := []string{thousands(devices)}
		for i, change := range []func(*costs.Setup){broker, basic,
			func(s *costs.Setup) { *s = costs.Cheapest(devices) },
			func(s *costs.Setup) {
				*s = costs.Cheapest(devices)
				provisioned(s)
				s.Stream.Shards = math.Ceil(devices / s.IntervalSeconds / 1000) // a shard takes 1000 messages of 1 KB
			}} {
			e, err := costs.Of(fleet(devices, change))
			if err != nil {
				return "", err
			}
			if i == 0 {
				cells = append(cells, fmt.Sprintf("%.2f million", e.Messages/1e6), cents(e.Fixed()))
			}
			cells = append(cells, cents(e.Total()))
		}
		t.add(cells...)
	}
	return t.String(), nil
}

// modeTable compares the modes of the stream for fleets whose devices send 1 KB each minute, without an archive: what
// the stream or the queue costs, and what follows from it elsewhere.
func modeTable() (string, error) {
	modes := []func(*costs.Setup){queue, provisioned, func(*costs.Setup) {}}
	t := table{header: []string{"devices", "messages per month", "`queue`", "`provisioned`, shards as needed",
		"`on_demand`"}}
	for _, devices := range []float64{0, 3, 30, 300, 3000, 30_000} {
		cells := []string{thousands(devices)}
		for i, mode := range modes {
			s := fleet(devices, func(s *costs.Setup) { mode(s); noArchive(s); s.Connected = false })
			s.Stream.Shards = max(1, math.Ceil(devices/s.IntervalSeconds/1000))
			e, err := costs.Of(s)
			if err != nil {
				return "", err
			}
			if i == 0 {
				cells = append(cells, fmt.Sprintf("%.2f million", e.Messages/1e6))
			}
			cells = append(cells, cents(e.Total()-of(e, "AWS IoT")))
		}
		t.add(cells...)
	}
	return t.String(), nil
}

// idlePolls is how many requests a month Lambda sends to a quiet queue.
func idlePolls() (string, error) {
	e, err := costs.Of(fleet(0, queue))
	for _, i := range e.Items {
		if strings.HasPrefix(i.Name, "SQS: polls") {
			return thousands(1e6 * i.Quantity), err
		}
	}
	return "", errors.Join(err, errors.New("a queue is not polled"))
}

// idleTable lists what is paid for without messages.
func idleTable() (string, error) {
	t := table{header: []string{"what", "USD per month"}}
	for _, row := range []struct {
		what, item string
		change     func(*costs.Setup)
	}{
		{"stream, `on_demand`", "Kinesis: stream", broker},
		{"stream, `provisioned`, per shard", "Kinesis: shards", provisioned},
		{"queue", "SQS: polls", queue},
		{"`influxdb.instance`, `db.influx.medium`, without its storage", "Timestream for InfluxDB",
			func(s *costs.Setup) {
				s.InfluxDB = &costs.InfluxDB{Instance: &costs.Instance{Type: "db.influx.medium"}}
			}},
		{"1000 devices that are connected all month", "AWS IoT: connections", broker},
		{"1000 devices with `credentials.store = \"secretsmanager\"`", "Secrets Manager",
			func(s *costs.Setup) { s.Credentials.Store = "secretsmanager" }},
	} {
		e, err := costs.Of(fleet(1000, row.change))
		if err != nil {
			return "", err
		}
		cost, err := costOf(e, row.item)
		if err != nil {
			return "", err
		}
		t.add(row.what, cents(cost))
	}
	return t.String(), nil
}

// costOf is what the item costs whose name begins so.
func costOf(e costs.Estimate, beginning string) (float64, error) {
	for _, i := range e.Items {
		if strings.HasPrefix(i.Name, beginning) {
			return i.Cost, nil
		}
	}
	return 0, fmt.Errorf("the estimate has no item %q", beginning)
}

func queryTable() (string, error) {
	t := table{header: []string{"archive", "one day", "30 days", "365 days"}}
	for _, devices := range []float64{3, 1000, 100_000} {
		for _, format := range []string{"parquet", "json"} {
			cells := []string{fmt.Sprintf("%s devices, %s", thousands(devices), format)}
			for _, days := range []float64{1, 30, 365} {
				s := costs.Default()
				s.Devices, s.Archive.Format = devices, format
				s.Queries = &costs.Queries{PerDay: 12.0 / 365, Days: days} // one a month
				e, err := costs.Of(s)
				if err != nil {
					return "", err
				}
				cost, err := costOf(e, "Athena")
				if err != nil {
					return "", err
				}
				cells = append(cells, fmt.Sprintf("%.5f", cost))
			}
			t.add(cells...)
		}
	}
	return t.String(), nil
}

func priceTable() string {
	t := table{header: []string{"key", "USD", "per", "price page", "known", "remarks"}, text: 5}
	for _, p := range costs.Prices() {
		usd := fmt.Sprintf("%g", p.USD)
		for _, tier := range p.Tiers {
			usd += fmt.Sprintf("; above %s %g", thousands(tier.Above), tier.USD)
		}
		t.add("`"+p.Key+"`", usd, p.Unit, p.Page, cmp.Or(p.Known, "undated"), p.Basis)
	}
	return t.String()
}
