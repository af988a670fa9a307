package mototest

import (
	"context"
	"net/http"
	"net/url"
	"testing"
)

// A Request is one call that reached the server.
type Request struct {
	// Service is the SDK's name of the service, such as "iot", "iot-data" or "timestream-write".
	Service string `json:"service"`
	// Operation is the API's name, such as "CreateThing"; for S3 the name of the permission, such as "PutObject".
	Operation string `json:"operation"`
}

// Requests returns the calls since the start or the last reset, in order of arrival.
func (s *Server) Requests(t testing.TB) []Request {
	t.Helper()
	var all []Request
	s.read(t, "/mototest/requests", nil, &all)
	return all
}

// Reset removes everything the server holds. What was wrong with the requests so far is reported first.
func (s *Server) Reset(t testing.TB) {
	t.Helper()
	s.report(t)
	if err := s.Empty(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Save keeps a copy of everything the server holds, its request log included, for [Server.Restore]. It is there until
// the next [Server.Reset]; one of the same name takes its place.
func (s *Server) Save(t testing.TB, name string) {
	t.Helper()
	if err := s.control(t.Context(), http.MethodPost, "/mototest/snapshot", url.Values{"name": {name}}, nil,
		nil); err != nil {
		t.Fatal(err)
	}
}

// Restore makes the server what it was at the Save of that name, as often as needed. Planned failures are forgotten.
func (s *Server) Restore(t testing.TB, name string) {
	t.Helper()
	if err := s.control(t.Context(), http.MethodPost, "/mototest/restore", url.Values{"name": {name}}, nil,
		nil); err != nil {
		t.Fatal(err)
	}
}

// A Dimension is one of a record's dimensions.
type Dimension struct {
	Name, Value string
}

// A MeasureValue is one member of a multi-measure record; Type is DOUBLE, BIGINT, BOOLEAN, VARCHAR or TIMESTAMP.
type MeasureValue struct {
	Name, Value, Type string
}

// A Record is one point that a Timestream table holds, with the common attributes of its call merged in.
type Record struct {
	Dimensions       []Dimension
	MeasureName      string
	MeasureValue     string // of a single-measure record
	MeasureValueType string // DOUBLE when empty; MULTI for a multi-measure record
	MeasureValues    []MeasureValue
	Time             string // in TimeUnit since the epoch
	TimeUnit         string // MILLISECONDS when empty
	Version          int64
}

// TimestreamRecords returns what the table holds, in order of first arrival.
func (s *Server) TimestreamRecords(t testing.TB, database, table string) []Record {
	t.Helper()
	records, err := s.ReadTimestream(t.Context(), database, table)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// ReadTimestream is [Server.TimestreamRecords] for programs; moto's query API does not see written records.
func (s *Server) ReadTimestream(ctx context.Context, database, table string) ([]Record, error) {
	var records []Record
	query := url.Values{"database": {database}, "table": {table}}
	err := s.control(ctx, http.MethodGet, "/mototest/timestream", query, nil, &records)
	return records, err
}

// A Notification is a message that was published to an SNS topic.
type Notification struct {
	Subject string `json:"subject"`
	Message string `json:"message"`
}

// Notifications returns the messages published to the SNS topic, in order; none for an unknown topic.
func (s *Server) Notifications(t testing.TB, topicARN string) []Notification {
	t.Helper()
	all, err := s.ReadNotifications(t.Context(), topicARN)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// ReadNotifications is [Server.Notifications] for programs.
func (s *Server) ReadNotifications(ctx context.Context, topicARN string) ([]Notification, error) {
	var all []Notification
	err := s.control(ctx, http.MethodGet, "/mototest/notifications", url.Values{"topic": {topicARN}}, nil, &all)
	return all, err
}

// Reveal lets hidden messages of an SQS queue be received again, as if their time were over.
func (s *Server) Reveal(t testing.TB, queue string) {
	t.Helper()
	if err := s.control(t.Context(), http.MethodPost, "/mototest/reveal", url.Values{"queue": {queue}}, nil,
		nil); err != nil {
		t.Fatal(err)
	}
}

// A Publish is a message that was sent through the IoT data plane's Publish call.
type Publish struct {
	Topic   string `json:"topic"`
	Payload string `json:"payload"`
}

// Published returns the messages sent through the IoT data plane's Publish call, in order.
func (s *Server) Published(t testing.TB) []Publish {
	t.Helper()
	var all []Publish
	s.read(t, "/mototest/published", nil, &all)
	return all
}

// A Fault makes calls of one operation fail.
type Fault struct {
	Service   string `json:"service"`   // as in [Request]
	Operation string `json:"operation"` // as in [Request]
	Code      string `json:"code"`      // AWS error code, such as "ThrottlingException"
	Message   string `json:"message"`
	Times     int    `json:"times"` // how many calls fail, from the next on
	// After lets the call take effect and loses its answer. Not for S3.
	After bool `json:"after"`
}

// Fail plans failures.
func (s *Server) Fail(t testing.TB, f Fault) {
	t.Helper()
	if err := s.control(t.Context(), http.MethodPost, "/mototest/faults", nil, f, nil); err != nil {
		t.Fatal(err)
	}
}

func (s *Server) read(t testing.TB, path string, query url.Values, out any) {
	t.Helper()
	if err := s.control(t.Context(), http.MethodGet, path, query, nil, out); err != nil {
		t.Fatal(err)
	}
}
