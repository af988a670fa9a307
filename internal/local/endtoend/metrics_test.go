package endtoend_test

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
)

const withMetrics = `
resource "iot_pipeline" "gh" {
  name    = "NAME"
  devices = { "soil-001" = {}, "soil-002" = {} }
  metrics = { window_seconds = 2, measures = ["temperature", "open"] }
  force_destroy = true
}
`

// statistics are those of one measure in one item.
type statistics map[string]float64

// TestMetrics: what devices publish is in the table once its windows have ended, each message once.
func TestMetrics(t *testing.T) {
	w := deploy(t, strings.ReplaceAll(withMetrics, "NAME", name))
	began := time.Now().UTC().Add(-2 * time.Second)
	const sent = 20
	devices := []*device{w.connect(t, "soil-001"), w.connect(t, "soil-002")}
	for i := range sent {
		devices[i%2].send(t, fmt.Sprintf(`{"data":{"temperature":%d.25,"open":%t,"battery":3}}`, i, i%4 < 2))
	}
	w.drain(t)
	ended := func(e runlog.Event) bool {
		return e.Kind == runlog.Invoked && strings.HasPrefix(e.Target, "end of the window") && e.Error == ""
	}
	for n := 1; ; n++ {
		w.await(t, n, ended)
		if w.metric(t, "soil-001", "temperature", began).sum("count")+
			w.metric(t, "soil-002", "temperature", began).sum("count") == sent {
			break
		}
	}
	for i, thing := range []string{"soil-001", "soil-002"} {
		temperatures, open := w.metric(t, thing, "temperature", began), w.metric(t, thing, "open", began)
		least, most, sum := float64(i)+0.25, float64(sent-2+i)+0.25, 0.0
		for v := least; v <= most; v += 2 {
			sum += v
		}
		if temperatures.sum("sum") != sum || temperatures[0]["minimum"] != least ||
			temperatures[len(temperatures)-1]["maximum"] != most || temperatures[0]["first_value"] != least ||
			temperatures[len(temperatures)-1]["last_value"] != most {
			t.Errorf("%s: temperatures %v, want a sum of %v from %v to %v", thing, temperatures, sum, least, most)
		}
		if open.sum("count") != sent/2 || open.sum("sum") != sent/4 {
			t.Errorf("%s: open %v", thing, open)
		}
		if battery := w.metric(t, thing, "battery", began); len(battery) > 0 {
			t.Errorf("%s: metrics of a measure that is not listed: %v", thing, battery)
		}
	}
}

// TestMetricsExport: Athena and QuickSight find the rows of ended windows below the day's part of the table's location.
func TestMetricsExport(t *testing.T) {
	w := deploy(t, strings.ReplaceAll(withMetrics, "NAME", name))
	d, sent := w.connect(t, "soil-001"), 5
	for i := range sent {
		d.send(t, fmt.Sprintf(`{"data":{"temperature":%d,"open":true}}`, i))
	}
	w.drain(t)
	ended := func(e runlog.Event) bool {
		return e.Kind == runlog.Invoked && strings.HasPrefix(e.Target, "end of the window") && e.Error == ""
	}
	table := must(w.aws.Glue().GetTable(t.Context(), &glue.GetTableInput{
		DatabaseName: aws.String(strings.ReplaceAll(name, "-", "_")), Name: aws.String("metrics")}))(t).Table
	bucket, prefix, _ := strings.Cut(strings.TrimPrefix(*table.StorageDescriptor.Location, "s3://"), "/")
	var rows []map[string]any
	for n, count := 1, 0.0; count < 2*float64(sent); n++ { // of two measures
		w.await(t, n, ended)
		rows, count = w.exported(t, bucket, prefix), 0
		for _, row := range rows {
			value, _ := row["count"].(float64)
			count += value
		}
	}
	total := 0.0
	for _, row := range rows {
		for _, column := range table.StorageDescriptor.Columns {
			if row[*column.Name] == nil {
				t.Errorf("row %v has no %s", row, *column.Name)
			}
		}
		if sum, ok := row["sum"].(float64); ok && row["measure"] == "temperature" && row["thing"] == "soil-001" {
			total += sum
		}
	}
	if total != 0+1+2+3+4 {
		t.Errorf("temperatures sum up to %v in %v", total, rows)
	}
}

// exported reads the rows of all objects.
func (w *deployment) exported(t *testing.T, bucket, prefix string) []map[string]any {
	t.Helper()
	var rows []map[string]any
	key := regexp.MustCompile(`^` + prefix + `day=\d{4}-\d\d-\d\d/` + name + `-metrics-[^/]+\.json\.gz$`)
	for _, o := range must(w.aws.S3().ListObjectsV2(t.Context(),
		&s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix}))(t).Contents {
		if !key.MatchString(*o.Key) {
			t.Errorf("an object has the key %s", *o.Key)
		}
		body := must(w.aws.S3().GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: o.Key}))(t).Body
		lines := json.NewDecoder(must(gzip.NewReader(body))(t))
		for {
			var row map[string]any
			err := lines.Decode(&row)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, row)
		}
		if err := body.Close(); err != nil {
			t.Error(err)
		}
	}
	return rows
}

// windows are the statistics of one measure, window by window.
type windows []statistics

func (w windows) sum(name string) float64 {
	total := 0.0
	for _, s := range w {
		total += s[name]
	}
	return total
}

// metric reads the metrics of one device and measure since a moment, with one query.
func (w *deployment) metric(t *testing.T, thing, measure string, since time.Time) windows {
	t.Helper()
	out := must(w.aws.DynamoDB().Query(t.Context(), &dynamodb.QueryInput{
		TableName:                aws.String(name + "-metrics"),
		KeyConditionExpression:   aws.String("device_id = :device AND window_start >= :since"),
		ProjectionExpression:     aws.String("window_start, measures.#measure"),
		ExpressionAttributeNames: map[string]string{"#measure": measure},
		ExpressionAttributeValues: map[string]ddbtypes.AttributeValue{
			":device": &ddbtypes.AttributeValueMemberS{Value: thing},
			":since":  &ddbtypes.AttributeValueMemberS{Value: since.Format(time.RFC3339)},
		},
	}))(t)
	var all windows
	for _, item := range out.Items {
		measures, ok := item["measures"].(*ddbtypes.AttributeValueMemberM)
		if !ok {
			continue
		}
		values, ok := measures.Value[measure].(*ddbtypes.AttributeValueMemberM)
		if !ok {
			continue
		}
		s := statistics{}
		for name, v := range values.Value {
			n, ok := v.(*ddbtypes.AttributeValueMemberN)
			if !ok {
				t.Fatalf("%s is %T", name, v)
			}
			s[name] = must(strconv.ParseFloat(n.Value, 64))(t)
		}
		all = append(all, s)
	}
	return all
}
