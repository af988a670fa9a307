package api

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/danielgtaylor/huma/v2"
	"golang.org/x/sync/errgroup"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// Summary is the state of the whole pipeline.
type Summary struct {
	Devices     DeviceCounts `json:"devices"`
	CountedAt   time.Time    `json:"counted_at" doc:"When the devices were counted: at most half a minute ago"`
	Messages    int64        `json:"messages" doc:"That arrived in the last hour"`
	DeadLetters int64        `json:"dead_letters" doc:"Messages of the last hour that could not be stored or handled"`
	Since       time.Time    `json:"since" doc:"When that hour began"`
}

// DeviceCounts are the numbers of devices by status.
type DeviceCounts struct {
	Online  int64 `json:"online"`
	Offline int64 `json:"offline"`
	Silent  int64 `json:"silent"`
}

type summaryInput struct{}

type summaryOutput struct{ Body Summary }

// counted is the last count of the devices.
type counted struct {
	sync.Mutex
	counts DeviceCounts
	at     time.Time
}

// keepCount is how long a count is used again: counting reads the whole index.
const keepCount = 30 * time.Second

func (s *service) summaryOperation(api huma.API) {
	register(api, operation("getSummary", http.MethodGet, "/v1/summary", "Get a summary",
		"Devices by status, and the messages of the last hour, as CloudWatch counts them."), s.getSummary)
}

func (s *service) getSummary(ctx context.Context, _ *summaryInput) (*summaryOutput, error) {
	counts, at, err := s.countDevices(ctx)
	if err != nil {
		return nil, s.failed(ctx, err, "counting devices")
	}
	now := s.now().UTC()
	out := Summary{Devices: counts, CountedAt: at.UTC(), Since: now.Add(-time.Hour).Truncate(time.Minute)}
	sums, err := s.sums(ctx, out.Since, now)
	if err != nil {
		return nil, s.failed(ctx, err, "reading metrics of CloudWatch")
	}
	out.Messages, out.DeadLetters = sums["received"], sums["refused"]+sums["unhandled"]
	return &summaryOutput{out}, nil
}

// countDevices counts the devices by status, or returns the last count if it is new enough.
func (s *service) countDevices(ctx context.Context) (DeviceCounts, time.Time, error) {
	s.counted.Lock()
	defer s.counted.Unlock()
	now := s.now()
	if age := now.Sub(s.counted.at); age >= 0 && age < keepCount {
		return s.counted.counts, s.counted.at, nil
	}
	var counts DeviceCounts
	group, ctx := errgroup.WithContext(ctx)
	for status, into := range map[string]*int64{contract.StatusOnline: &counts.Online,
		contract.StatusOffline: &counts.Offline, contract.StatusSilent: &counts.Silent} {
		group.Go(func() error { return s.countStatus(ctx, status, into) })
	}
	if err := group.Wait(); err != nil {
		return DeviceCounts{}, time.Time{}, err
	}
	s.counted.counts, s.counted.at = counts, now
	return counts, now, nil
}

func (s *service) countStatus(ctx context.Context, status string, into *int64) error {
	pages := dynamodb.NewQueryPaginator(s.db, &dynamodb.QueryInput{
		TableName: aws.String(s.devices), IndexName: aws.String(contract.StatusDeviceIndex), Select: types.SelectCount,
		KeyConditionExpression:    aws.String("#status = :status"),
		ExpressionAttributeNames:  map[string]string{"#status": contract.StatusAttribute},
		ExpressionAttributeValues: item{":status": text(status)},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		*into += int64(page.Count)
	}
	return nil
}

// sums adds up metrics of the pipeline's functions, with one request.
func (s *service) sums(ctx context.Context, from, to time.Time) (map[string]int64, error) {
	query := func(id, function, metric string) cwtypes.MetricDataQuery {
		return cwtypes.MetricDataQuery{Id: aws.String(id), MetricStat: &cwtypes.MetricStat{
			Stat: aws.String("Sum"), Period: aws.Int32(60), Metric: &cwtypes.Metric{
				Namespace: aws.String(contract.MetricsNamespace), MetricName: aws.String(metric),
				Dimensions: []cwtypes.Dimension{
					{Name: aws.String("Pipeline"), Value: aws.String(s.pipeline)},
					{Name: aws.String("Function"), Value: aws.String(function)},
				},
			},
		}}
	}
	pages := cloudwatch.NewGetMetricDataPaginator(s.monitoring, &cloudwatch.GetMetricDataInput{
		StartTime: aws.Time(from), EndTime: aws.Time(to), MetricDataQueries: []cwtypes.MetricDataQuery{
			query("received", "processor", "Received"), query("refused", "processor", "DeadLetters"),
			query("unhandled", "alerts", "DeadLetters"),
		},
	})
	sums := map[string]int64{}
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, result := range page.MetricDataResults {
			for _, value := range result.Values {
				sums[aws.ToString(result.Id)] += int64(value)
			}
		}
	}
	return sums, nil
}
