package operate

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/deadletters"
	"github.com/iot-pipeline/terraform-provider-iot/internal/parquettext"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
)

// clocks may differ between this machine and AWS by this much.
const clocks = 2 * time.Minute

// readingsTable is the key of the table of recent readings in the manifest.
const readingsTable = "recent/table"

func (s *smoke) key() map[string]types.AttributeValue {
	return map[string]types.AttributeValue{contract.DeviceKey: &types.AttributeValueMemberS{Value: s.Device}}
}

// inDeviceTable looks for the device's state. That of the usual message has the marker.
func (s *smoke) inDeviceTable(ctx context.Context) (bool, string, error) {
	table := s.p.Parts[contract.KeyDeviceTable].Name
	out, err := s.p.Clients().DynamoDB().GetItem(ctx,
		&dynamodb.GetItemInput{TableName: &table, Key: s.key(), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return false, "", fmt.Errorf("reading the device table %q: %w", table, err)
	}
	return s.recentEnough(out.Item[contract.LastSeenAttribute]), "", nil
}

// recentEnough reports whether a time in milliseconds can be that of the message. There is nothing older of the test's
// own device.
func (s *smoke) recentEnough(value types.AttributeValue) bool {
	number, ok := value.(*types.AttributeValueMemberN)
	if !ok {
		return false
	}
	ms, err := strconv.ParseInt(number.Value, 10, 64)
	if s.virtual {
		return err == nil
	}
	return err == nil && time.UnixMilli(ms).After(s.since.Add(-time.Second))
}

func (s *smoke) inRecentReadings(ctx context.Context) (bool, string, error) {
	items, err := s.readings(ctx)
	for _, item := range items {
		if s.recentEnough(item[contract.ArrivedAttribute]) {
			return true, "", nil
		}
	}
	return false, "", err
}

// readings are the newest recent readings of the device.
func (s *smoke) readings(ctx context.Context) ([]map[string]types.AttributeValue, error) {
	table := s.p.Parts[readingsTable].Name
	out, err := s.p.Clients().DynamoDB().Query(ctx, &dynamodb.QueryInput{TableName: &table,
		KeyConditionExpression:    aws.String("#device = :device"),
		ExpressionAttributeNames:  map[string]string{"#device": contract.DeviceKey},
		ExpressionAttributeValues: map[string]types.AttributeValue{":device": s.key()[contract.DeviceKey]},
		ScanIndexForward:          aws.Bool(false), Limit: aws.Int32(100), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return nil, fmt.Errorf("reading the table %q: %w", table, err)
	}
	return out.Items, nil
}

// inDatabases hands the processor a second message of the same kind. It answers only when every store has it, or when
// it has made a dead letter of it; operators have no credentials for the databases.
func (s *smoke) inDatabases(ctx context.Context) (bool, string, error) {
	payload := s.Payload
	if strings.Contains(payload, s.marker) {
		var err error
		if payload, err = s.usual(s.marker + "-2"); err != nil { // a text that changes is written at once
			return false, "", err
		}
	}
	sender, err := newSender(ctx, s.p, Redrive{To: ToOrigin})
	if err != nil {
		return false, "", err
	}
	l := &letter{Letter: deadletters.Letter{Kind: deadletters.Record, Thing: s.Device, SequenceNumber: s.marker,
		Topic: contract.TopicsOf(s.p.TopicPrefix, s.Device).Telemetry, Time: time.Now(), Payload: []byte(payload)}}
	sender.toProcessor(ctx, []*letter{l})
	if l.problem != nil {
		return false, "", l.problem
	}
	letters, err := s.letters(ctx)
	if err != nil {
		return false, "", err
	}
	for _, d := range letters {
		if d.SequenceNumber == s.marker {
			return false, "", fmt.Errorf("it is a dead letter: %s: %s", d.Reason, d.Detail)
		}
	}
	return true, ", says the processor", nil
}

// archivePrefix starts the keys of the archive.
func (s *smoke) archivePrefix() string {
	a := s.spec.Archive
	if *a.Delivery == pipeline.DeliveryBatched && *a.Format == pipeline.FormatJSON {
		return *a.Prefix + "json/"
	}
	return *a.Prefix
}

// objects calls visit with the objects of the archive of the last days, until it answers true.
func (s *smoke) objects(ctx context.Context, visit func(key string) (bool, error)) error {
	if !*s.spec.Archive.Enabled || s.SkipArchive {
		return nil
	}
	bucket, partition := s.p.Parts[contract.KeyBucket].Name, contract.ArchivePartition
	if *s.spec.Archive.Delivery != pipeline.DeliveryBatched {
		partition = "dt"
	}
	now := time.Now().UTC()
	for _, day := range []time.Time{now.Add(-clocks), now.Add(clocks)} {
		prefix := s.archivePrefix() + partition + "=" + day.Format(time.DateOnly) + "/"
		pages := s3.NewListObjectsV2Paginator(s.p.Clients().S3(),
			&s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return fmt.Errorf("listing s3://%s/%s: %w", bucket, prefix, err)
			}
			for _, o := range page.Contents {
				if done, err := visit(aws.ToString(o.Key)); done || err != nil {
					return err
				}
			}
		}
		if now.Add(-clocks).Day() == now.Add(clocks).Day() {
			return nil
		}
	}
	return nil
}

// remember notes the objects that are there before the message.
func (s *smoke) remember(ctx context.Context) error {
	return s.objects(ctx, func(key string) (bool, error) {
		s.known[key] = true
		return false, nil
	})
}

// inArchive looks into the objects that are new.
func (s *smoke) inArchive(ctx context.Context) (found bool, what string, err error) {
	bucket := s.p.Parts[contract.KeyBucket].Name
	err = s.objects(ctx, func(key string) (bool, error) {
		if s.known[key] {
			return false, nil
		}
		if *s.spec.Archive.Delivery != pipeline.DeliveryBatched {
			found = strings.Contains(key, "/"+s.Device+"/")
		} else {
			text, err := readObject(ctx, s.p, bucket, key)
			if err != nil {
				return false, err
			}
			if found, err = s.isIn(text); err != nil {
				return false, fmt.Errorf("reading s3://%s/%s: %w", bucket, key, err)
			}
		}
		s.known[key] = true
		what = ", in s3://" + bucket + "/" + key
		return found, nil
	})
	return found, what, err
}

// archived is what a row of the archive says of the message.
type archived struct {
	Thing    string `json:"thing"`
	Payload  string `json:"payload"`
	Encoding string `json:"payload_encoding"`
}

// isIn reports whether an object of the batched archive has the message.
func (s *smoke) isIn(object []byte) (bool, error) {
	var rows []archived
	var err error
	if *s.spec.Archive.Format == pipeline.FormatJSON {
		rows, err = jsonRows(object)
	} else {
		rows, err = parquetRows(object)
	}
	for _, r := range rows {
		if r.Thing != s.Device || r.Payload == "" {
			continue
		}
		if r.Encoding == "base64" {
			if raw, err := base64.StdEncoding.DecodeString(r.Payload); err == nil {
				r.Payload = string(raw)
			}
		}
		// What telemetry.select makes of a message is not known here.
		if s.sameText(r.Payload) || s.spec.Telemetry.Select != nil {
			return true, nil
		}
	}
	return false, err
}

func parquetRows(object []byte) ([]archived, error) {
	columns, err := parquettext.Columns(object, "thing", "payload", "payload_encoding")
	if err != nil {
		return nil, err
	}
	rows := make([]archived, len(columns[0]))
	for i := range rows {
		rows[i] = archived{Thing: columns[0][i], Payload: columns[1][i], Encoding: columns[2][i]}
	}
	return rows, nil
}

func jsonRows(object []byte) (rows []archived, err error) {
	unzipped, err := gzip.NewReader(bytes.NewReader(object))
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(unzipped)
	lines.Buffer(nil, maxBatchObject)
	for lines.Scan() {
		var row archived
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			return rows, err
		}
		rows = append(rows, row)
	}
	return rows, lines.Err()
}

// letters are the dead letters of the device since the message.
func (s *smoke) letters(ctx context.Context) ([]*letter, error) {
	m, err := openMailbox(ctx, s.p,
		Redrive{Things: []string{s.Device}, After: s.since.Add(-time.Second), To: ToOrigin, Max: MaxLetters})
	if err != nil {
		return nil, err
	}
	letters, err := m.collect(ctx, func(string) {})
	m.release(ctx, func(string) {})
	return letters, err
}

// traces says what is known of a message that did not arrive.
func (s *smoke) traces(ctx context.Context) error {
	var errs []error
	letters, err := s.letters(ctx)
	if err != nil {
		errs = append(errs, err)
	}
	for _, l := range letters {
		errs = append(errs, fmt.Errorf("a dead letter of %s from %q says: %s: %s", s.Device, l.Source, l.Reason,
			strings.TrimSpace(l.Detail)))
	}
	name := s.p.Parts[contract.KeyFunctionPrefix+"processor"].Name
	out, err := s.p.Clients().Lambda().ListEventSourceMappings(ctx,
		&lambda.ListEventSourceMappingsInput{FunctionName: &name})
	switch {
	case err != nil:
		errs = append(errs, fmt.Errorf("asking what function %q reads: %w", name, err))
	case len(out.EventSourceMappings) == 0:
		errs = append(errs, fmt.Errorf("function %q reads nothing: its event source mapping is gone; an apply makes "+
			"it again", name))
	default:
		for _, mapping := range out.EventSourceMappings {
			if state := aws.ToString(mapping.State); state != "Enabled" {
				errs = append(errs, fmt.Errorf("the event source mapping of function %q is %s", name, state))
			}
			if result := aws.ToString(mapping.LastProcessingResult); strings.HasPrefix(result, "PROBLEM") {
				errs = append(errs, fmt.Errorf("the event source mapping of function %q reports: %s", name, result))
			}
		}
	}
	return errors.Join(errs...)
}

// clean removes what can be removed of the test's own device. Of a real device, only its next message tells what its
// state is. A message that did not arrive everywhere may still be tried again, which brings the device back.
func (s *smoke) clean(ctx context.Context, arrived bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseLimit)
	defer cancel()
	if !s.virtual {
		s.tell("what stays: the message, in every store, as one of " + s.Device)
		return nil
	}
	if err := s.removeDevice(ctx); err != nil {
		return fmt.Errorf("the state of %q stays: %w", s.Device, err)
	}
	var stays []string
	if *s.spec.Archive.Enabled {
		stays = append(stays, "its rows in the archive")
	}
	if names := s.databases(); names != "" {
		stays = append(stays, "its readings in "+names)
	}
	if !arrived {
		stays = append(stays, "whatever a later try of the message stores")
	}
	s.tell(fmt.Sprintf("removed the state of %s; what stays: %s", s.Device,
		cmp.Or(strings.Join(stays, ", "), "nothing")))
	return nil
}

// removeDevice removes the state and the recent readings of the test's own device.
func (s *smoke) removeDevice(ctx context.Context) error {
	table := s.p.Parts[contract.KeyDeviceTable].Name
	if _, err := s.p.Clients().DynamoDB().DeleteItem(ctx,
		&dynamodb.DeleteItemInput{TableName: &table, Key: s.key()}); err != nil {
		return fmt.Errorf("removing %q from the device table %q: %w", s.Device, table, err)
	}
	if s.spec.Recent == nil {
		return nil
	}
	items, err := s.readings(ctx)
	if err != nil {
		return err
	}
	table = s.p.Parts[readingsTable].Name
	for _, item := range items {
		key := s.key()
		key[contract.ReadingKey] = item[contract.ReadingKey]
		if _, err := s.p.Clients().DynamoDB().DeleteItem(ctx,
			&dynamodb.DeleteItemInput{TableName: &table, Key: key}); err != nil {
			return fmt.Errorf("removing a reading of %q from the table %q: %w", s.Device, table, err)
		}
	}
	return nil
}
