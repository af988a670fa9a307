package api

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/danielgtaylor/huma/v2"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// RangeParameters are the parameters of what has a time.
type RangeParameters struct {
	From    time.Time `query:"from" doc:"The first time; absent: the oldest there is"`
	To      time.Time `query:"to" doc:"The time after the last one; absent: now"`
	Measure []string  `query:"measure,explode" maxItems:"50" doc:"Only these measures"`
}

// check returns a problem for a range that has no time.
func (r *RangeParameters) check() error {
	if !r.From.IsZero() && !r.To.IsZero() && r.To.Before(r.From) {
		return invalid.problem("The range ends before it begins.").at("query.to", "is before from")
	}
	return nil
}

// query is the range in a cursor's query.
func (r *RangeParameters) query(list, device string) []string {
	return append([]string{list, device, r.From.UTC().Format(time.RFC3339Nano), r.To.UTC().Format(time.RFC3339Nano)},
		r.Measure...)
}

// pick returns the measures that were asked for.
func (r *RangeParameters) pick(measures map[string]any) map[string]any {
	if len(r.Measure) == 0 {
		return measures
	}
	out := map[string]any{}
	for _, name := range r.Measure {
		if value, ok := measures[name]; ok {
			out[name] = value
		}
	}
	return out
}

// Bounds of all range keys that begin with a time.
const (
	firstTime = "0"
	lastTime  = ":" // after the digits
)

// Reading is what a device measured at one time.
type Reading struct {
	At        time.Time      `json:"at" doc:"The device's time, else the arrival"`
	ArrivedAt *time.Time     `json:"arrived_at,omitempty" doc:"When the message reached the pipeline"`
	Measures  map[string]any `json:"measures" doc:"Numbers, texts and Booleans by name"`
}

// Readings is a page of readings.
type Readings struct {
	Readings []Reading `json:"readings"`
	Cursor   string    `json:"cursor,omitempty" doc:"Of the next page; absent on the last"`
}

type readingsInput struct {
	DeviceParameter
	PageParameters
	RangeParameters
}

type readingsOutput struct{ Body Readings }

func (s *service) readingOperations(api huma.API) {
	register(api, operation("listReadings", http.MethodGet, "/v1/devices/{device}/readings", "List recent readings",
		"Every reading of the last hours, newest first. The pipeline keeps them with `recent`.",
		http.StatusBadRequest), s.listReadings)
	register(api, operation("listMetrics", http.MethodGet, "/v1/devices/{device}/metrics", "List windows of metrics",
		"Statistics of the measures per window, newest first. The pipeline keeps them with `metrics`. A window is "+
			"there when it has ended.", http.StatusBadRequest), s.listWindows)
}

// timeForm is how a reading's key begins.
const timeForm = "2006-01-02T15:04:05.000Z"

func (s *service) listReadings(ctx context.Context, in *readingsInput) (*readingsOutput, error) {
	if s.readings == "" {
		return nil, notEnabled.problem("The pipeline keeps no recent readings; its configuration has no block recent.")
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	query := in.query("readings", in.Device)
	after, err := s.place(query, in.Cursor)
	if err != nil {
		return nil, err
	}
	list, next, err := s.readingsOf(ctx, in, after)
	if err != nil {
		return nil, s.failed(ctx, err, "reading recent readings")
	}
	if len(list) == 0 && after == "" {
		if err := s.known(ctx, in.Device); err != nil {
			return nil, err
		}
	}
	return &readingsOutput{Readings{Readings: list, Cursor: s.cursor(query, next)}}, nil
}

// readingsOf reads a page of readings, and the key of its last one if there are more.
func (s *service) readingsOf(ctx context.Context, in *readingsInput, after string) ([]Reading, string, error) {
	from, to := firstTime, lastTime
	if !in.From.IsZero() {
		from = in.From.UTC().Format(timeForm)
	}
	if !in.To.IsZero() {
		to = in.To.UTC().Format(timeForm) // a reading of this very time has a longer key, so it is left out
	}
	list, size := []Reading{}, 0
	var key item
	if after != "" {
		key = item{contract.DeviceKey: text(in.Device), contract.ReadingKey: text(after)}
	}
	for range maxReads {
		out, err := s.db.Query(ctx, &dynamodb.QueryInput{
			TableName:                 aws.String(s.readings),
			KeyConditionExpression:    aws.String("device_id = :device AND #at BETWEEN :from AND :to"),
			ExpressionAttributeNames:  map[string]string{"#at": contract.ReadingKey},
			ExpressionAttributeValues: item{":device": text(in.Device), ":from": text(from), ":to": text(to)},
			ScanIndexForward:          aws.Bool(false), ExclusiveStartKey: key,
			Limit: aws.Int32(int32(in.Limit - len(list))),
		})
		if err != nil {
			return nil, "", err
		}
		for i, row := range out.Items {
			at := content(row[contract.ReadingKey])
			reading, ok := readReading(at, row, in)
			if !ok {
				continue
			}
			list, size = append(list, reading), size+bytesOf(reading.Measures)
			if size > answerBytes && (i+1 < len(out.Items) || more(out.LastEvaluatedKey)) {
				return list, at, nil
			}
		}
		if key = out.LastEvaluatedKey; !more(key) || len(list) >= in.Limit {
			break
		}
	}
	return list, content(key[contract.ReadingKey]), nil
}

// readReading reads an item, unless it has no measure that was asked for.
func readReading(at string, row item, in *readingsInput) (Reading, bool) {
	when, _, _ := strings.Cut(at, "#")
	parsed, err := time.Parse(timeForm, when)
	if err != nil {
		return Reading{}, false
	}
	measures := in.pick(plainMap(row[contract.MeasuresAttribute]))
	return Reading{At: parsed, ArrivedAt: moment(row[contract.ArrivedAttribute]), Measures: measures}, len(measures) > 0
}

// Statistics are those of a measure in a window.
type Statistics struct {
	Count      int64     `json:"count"`
	Sum        float64   `json:"sum"`
	Minimum    float64   `json:"minimum"`
	Maximum    float64   `json:"maximum"`
	Average    float64   `json:"average"`
	FirstValue float64   `json:"first_value"`
	FirstAt    time.Time `json:"first_at" doc:"The device's own time"`
	LastValue  float64   `json:"last_value"`
	LastAt     time.Time `json:"last_at" doc:"The device's own time"`
}

// Window is a span of time with the statistics of a device's measures.
type Window struct {
	Start    time.Time             `json:"start"`
	End      time.Time             `json:"end"`
	Measures map[string]Statistics `json:"measures"`
}

// Windows is a page of windows.
type Windows struct {
	Windows []Window `json:"windows"`
	Cursor  string   `json:"cursor,omitempty" doc:"Of the next page; absent on the last"`
}

type windowsOutput struct{ Body Windows }

func (s *service) listWindows(ctx context.Context, in *readingsInput) (*windowsOutput, error) {
	if s.windows == "" {
		return nil, notEnabled.problem("The pipeline computes no metrics; its configuration has no block metrics.")
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	query := in.query("metrics", in.Device)
	before, err := s.place(query, in.Cursor)
	if err != nil {
		return nil, err
	}
	list, next, err := s.windowsOf(ctx, in, before)
	if err != nil {
		return nil, s.failed(ctx, err, "reading metrics")
	}
	if len(list) == 0 && before == "" {
		if err := s.known(ctx, in.Device); err != nil {
			return nil, err
		}
	}
	return &windowsOutput{Windows{Windows: list, Cursor: s.cursor(query, next)}}, nil
}

// whole seconds, as windows have them: the next one if there is a fraction.
func seconds(t time.Time) string {
	return t.Add(time.Second - 1).Truncate(time.Second).UTC().Format(time.RFC3339)
}

// windowsOf reads a page of windows, each from all of its items, and the start of the last one if there are more.
func (s *service) windowsOf(ctx context.Context, in *readingsInput, before string) ([]Window, string, error) {
	from, to := firstTime, lastTime
	if !in.From.IsZero() {
		from = seconds(in.From)
	}
	if !in.To.IsZero() {
		to = seconds(in.To)
	}
	if before != "" {
		to = before
	}
	p := &windowPage{limit: in.Limit, pick: in.Measure, list: []Window{}}
	request := &dynamodb.QueryInput{
		TableName:                 aws.String(s.windows),
		KeyConditionExpression:    aws.String("device_id = :device AND window_start BETWEEN :from AND :to"),
		ExpressionAttributeValues: item{":device": text(in.Device), ":from": text(from), ":to": text(to)},
		ScanIndexForward:          aws.Bool(false),
	}
	for range maxReads {
		request.Limit = aws.Int32(int32(in.Limit + 1 - len(p.list)))
		out, err := s.db.Query(ctx, request)
		if err != nil {
			return nil, "", err
		}
		if slices.ContainsFunc(out.Items, p.add) {
			return p.list, p.done, nil
		}
		if request.ExclusiveStartKey = out.LastEvaluatedKey; !more(out.LastEvaluatedKey) {
			p.end()
			return p.list, "", nil
		}
	}
	return p.list, p.done, nil
}
