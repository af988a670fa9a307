package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/retries"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

// An object is to be stored in the bucket.
type object struct {
	key, detail string
	body        []byte
}

// objects transforms and converts a batch. It returns at most one object of data and one for each kind of failure.
func (s *Stream) objects(ctx context.Context, batch []entry) []object {
	records := s.transform(ctx, batch)
	if ctx.Err() != nil {
		return nil
	}
	var objects []object
	data := s.data(records)
	if data != nil {
		objects = append(objects, *data)
	}
	for _, kind := range []string{processingFailed, conversionFailed} {
		if o := s.failures(kind, records); o != nil {
			objects = append(objects, *o)
		}
	}
	return objects
}

// data returns the object with what the function answered; nil if there is nothing. Records that cannot be converted
// become failures.
func (s *Stream) data(records []transformed) *object {
	var rows []parquet.Row
	var raw []byte
	var used []transformed
	for i := range records {
		r := &records[i]
		if r.failure != nil || len(r.data) == 0 {
			continue
		}
		if s.layout.schema == nil {
			raw, used = append(raw, r.data...), append(used, *r)
			continue
		}
		converted, err := s.layout.rows(r.data)
		if err != nil {
			r.failure = conversionFailure(err)
			continue
		}
		rows, used = append(rows, converted...), append(used, *r)
	}
	if len(used) == 0 {
		return nil
	}
	var body []byte
	var err error
	detail := fmt.Sprintf("%d records", len(used))
	if s.layout.schema != nil {
		body, err = s.layout.parquet(rows)
		detail = fmt.Sprintf("%d rows of %s", len(rows), detail)
	} else {
		body, err = s.layout.pack(raw)
	}
	if err != nil { // never: rows fit the schema they were made from
		for i := range records {
			if records[i].failure == nil && len(records[i].data) > 0 {
				records[i].failure = conversionFailure(err)
			}
		}
		return nil
	}
	return &object{key: s.key(s.layout.prefix, "", used) + s.layout.suffix, body: body, detail: detail}
}

func conversionFailure(err error) *failure {
	return &failure{code: "DataFormatConversion.ParseError", message: err.Error(), attempts: 1, ended: time.Now()}
}

// key is an object's key without its extension [AWS 7.4]. Its times are those of the oldest record, except the one in
// the name.
func (s *Stream) key(p prefix, errorType string, records []transformed) string {
	oldest := records[0].Arrived
	for _, r := range records {
		if r.Arrived.Before(oldest) {
			oldest = r.Arrived
		}
	}
	return fmt.Sprintf("%s%s-%s-%s-%s", p.at(oldest, errorType), s.config.Name, s.config.Version,
		time.Now().UTC().Format("2006-01-02-15-04-05"), uuid.NewString())
}

// processingFailure is the document of a record that could not be transformed [AWS 7.4 Failed records].
type processingFailure struct {
	AttemptsMade int    `json:"attemptsMade"`
	Arrived      int64  `json:"arrivalTimestamp"`
	Code         string `json:"errorCode"`
	Message      string `json:"errorMessage"`
	Ended        int64  `json:"attemptEndingTimestamp"`
	RawData      []byte `json:"rawData"`
	FunctionARN  string `json:"lambdaArn"`
}

// conversionDocument is the document of a record that could not be converted, as AWS's page "Handling errors for data
// format conversion" has it.
type conversionDocument struct {
	AttemptsMade      int          `json:"attemptsMade"`
	Arrived           int64        `json:"arrivalTimestamp"`
	Code              string       `json:"ErrorCode"`
	Message           string       `json:"ErrorMessage"`
	Ended             int64        `json:"attemptEndingTimestamp"`
	RawData           []byte       `json:"rawData"`
	SequenceNumber    string       `json:"sequenceNumber"`
	SubSequenceNumber int64        `json:"subSequenceNumber"`
	Table             catalogTable `json:"dataCatalogTable"`
}

type catalogTable struct {
	CatalogID  *string `json:"catalogId"`
	Database   string  `json:"databaseName"`
	Table      string  `json:"tableName"`
	Region     string  `json:"region"`
	VersionID  string  `json:"versionId"`
	CatalogARN *string `json:"catalogArn"`
}

// failures returns the object with a document per failed record of a kind; nil if there is none.
func (s *Stream) failures(kind string, records []transformed) *object {
	var body []byte
	var failed []transformed
	for _, r := range records {
		if r.failure == nil || strings.HasPrefix(r.failure.code, "Lambda.") != (kind == processingFailed) {
			continue
		}
		document, err := json.Marshal(s.document(kind, r))
		if err != nil { // never: the document holds texts and numbers
			document = []byte(err.Error())
		}
		body = append(append(body, document...), '\n')
		failed = append(failed, r)
	}
	if len(failed) == 0 {
		return nil
	}
	s.fail(kind, fmt.Errorf("%d records, the first %s: %s: %s", len(failed), failed[0].SequenceNumber,
		failed[0].failure.code, failed[0].failure.message))
	return &object{key: s.key(s.layout.errorPrefix, kind, failed), body: body,
		detail: fmt.Sprintf("%d records (%s)", len(failed), kind)}
}

func (s *Stream) document(kind string, r transformed) any {
	f := r.failure
	if kind == processingFailed {
		return processingFailure{AttemptsMade: f.attempts, Arrived: r.Arrived.UnixMilli(), Code: f.code,
			Message: f.message, Ended: f.ended.UnixMilli(), RawData: r.Data, FunctionARN: s.config.FunctionARN}
	}
	t := s.config.Table
	return conversionDocument{AttemptsMade: f.attempts, Arrived: r.Arrived.UnixMilli(), Code: f.code,
		Message: f.message, Ended: f.ended.UnixMilli(), RawData: r.data, SequenceNumber: r.SequenceNumber,
		Table: catalogTable{Database: t.Database, Table: t.Name, Region: s.options.Region, VersionID: t.VersionID}}
}

// put stores an object. It tries until it succeeds or the context ends: AWS keeps trying as well.
func (s *Stream) put(ctx context.Context, o object) bool {
	delays := retries.Doubling(s.options.RetryDelay, maxDelay)
	for ctx.Err() == nil {
		began := time.Now()
		err := s.options.Put(ctx, s.config.Bucket, o.key, o.body)
		if err == nil {
			s.options.Events.Send(runlog.Event{Kind: runlog.Acted, Action: "deliver", Rule: s.config.Name,
				Target: s.config.Bucket + "/" + o.key, Bytes: len(o.body), Duration: time.Since(began),
				Detail: o.detail})
			return true
		}
		if ctx.Err() == nil {
			s.fail("writing "+o.key, err)
			retries.Sleep(ctx, delays.NextBackOff())
		}
	}
	return false
}

// functionName is the name in a function's ARN.
func functionName(arn string) string {
	_, name, _ := strings.Cut(arn, ":function:")
	name, _, _ = strings.Cut(name, ":")
	return name
}
