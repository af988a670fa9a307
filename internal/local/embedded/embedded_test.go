package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/runlog"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

// What a function prints is what GetMetricData answers.
func TestMetricsReachCloudWatch(t *testing.T) {
	client := cloudwatch.NewFromConfig(mototest.Start(t).Config(t))
	p := Start(client, time.Hour, func(e runlog.Event) { t.Errorf("%+v", e) })
	now := time.Now().Truncate(time.Minute).Add(30 * time.Second)
	for range 3 {
		p.Read(line(now, `"Received":5,"Rejected":0,"Latency":[1,1,9]`))
	}
	p.Read(line(now.Add(-time.Hour), `"Received":7,"Rejected":0,"Latency":[]`))
	for _, text := range []string{"text", `{"_aws":1}`, `{"_aws":`, `{"level":"INFO","msg":"\"_aws\""}`} {
		p.Read(text)
	}
	p.Close()
	query := func(id, name, statistic string) types.MetricDataQuery {
		return types.MetricDataQuery{Id: &id, MetricStat: &types.MetricStat{Period: aws.Int32(3600), Stat: &statistic,
			Metric: &types.Metric{Namespace: aws.String("IoTPipeline"), MetricName: &name, Dimensions: []types.Dimension{
				{Name: aws.String("Pipeline"), Value: aws.String("gh")},
				{Name: aws.String("Function"), Value: aws.String("processor")}}}}}
	}
	out, err := client.GetMetricData(t.Context(), &cloudwatch.GetMetricDataInput{
		StartTime: aws.Time(now.Add(-10 * time.Minute)), EndTime: aws.Time(now.Add(50 * time.Minute)),
		MetricDataQueries: []types.MetricDataQuery{query("received", "Received", "Sum"),
			query("rejected", "Rejected", "Sum"), query("count", "Latency", "SampleCount"),
			query("slowest", "Latency", "Maximum")}})
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, r := range out.MetricDataResults {
		got += fmt.Sprintf("%s=%v ", *r.Id, r.Values)
	}
	if got != "received=[15] rejected=[0] count=[9] slowest=[9] " {
		t.Errorf("got %s", got)
	}
}

func line(at time.Time, members string) string {
	return fmt.Sprintf(`{"_aws":{"Timestamp":%d,"CloudWatchMetrics":[{"Namespace":"IoTPipeline",`+
		`"Dimensions":[["Pipeline","Function"]],"Metrics":[{"Name":"Received","Unit":"Count"},`+
		`{"Name":"Rejected","Unit":"Count"},{"Name":"Latency","Unit":"Milliseconds"}]}]},`+
		`"Pipeline":"gh","Function":"processor",%s}`, at.UnixMilli(), members)
}

// fake keeps requests, and fails those of a namespace.
type fake struct {
	mu    sync.Mutex
	asked []*cloudwatch.PutMetricDataInput
}

// PutMetricData implements CloudWatch.
func (f *fake) PutMetricData(_ context.Context, in *cloudwatch.PutMetricDataInput, _ ...func(*cloudwatch.Options)) (
	*cloudwatch.PutMetricDataOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if *in.Namespace == "Broken" {
		return nil, errors.New("no")
	}
	f.asked = append(f.asked, in)
	return &cloudwatch.PutMetricDataOutput{}, nil
}

// A request holds what PutMetricData takes, whatever functions print.
func TestLimits(t *testing.T) {
	f := &fake{}
	var failed bytes.Buffer
	p := Start(f, time.Hour, func(e runlog.Event) { failed.WriteString(e.Error) })
	at := time.UnixMilli(1767225600000)
	var values []string
	for i := range 1000 {
		values = append(values, fmt.Sprint(i))
	}
	for start := 0; start < 1000; start += 100 {
		p.Read(line(at, `"Received":1,"Rejected":0,"Latency":[`+strings.Join(values[start:start+100], ",")+`]`))
	}
	for i := range 2000 {
		p.Read(strings.Replace(line(at, `"Received":1,"Rejected":0`), `"gh"`, fmt.Sprintf(`"gh-%d"`, i), 1))
	}
	p.Read(strings.Replace(line(at, `"Received":1`), `"IoTPipeline"`, `"Broken"`, 1))
	p.Close()
	sum := map[string]float64{}
	for _, in := range f.asked {
		if len(in.MetricData) > maxData {
			t.Errorf("a request with %d", len(in.MetricData))
		}
		for _, d := range in.MetricData {
			if len(d.Values) > maxValues || len(d.Values) != len(d.Counts) {
				t.Errorf("%d values, %d counts", len(d.Values), len(d.Counts))
			}
			for i := range d.Values {
				sum[*d.MetricName] += d.Counts[i]
			}
		}
	}
	if sum["Latency"] != 1000 || sum["Received"] != 2010 {
		t.Errorf("got %v", sum)
	}
	if !strings.Contains(failed.String(), "are lost: no") {
		t.Errorf("the loss was not told: %q", failed.String())
	}
}
