package awsapi

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/timestreamwrite"
	"github.com/google/go-cmp/cmp"
)

// stub answers every request with status and body and keeps method, path and target.
type stub struct {
	*httptest.Server
	mu   sync.Mutex
	seen []string
}

func newStub(t *testing.T, status int, body string) *stub {
	s := &stub{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.seen = append(s.seen, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+r.Header.Get("X-Amz-Target")))
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s
}

func config(url string) aws.Config {
	cfg := aws.Config{Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider("stub", "stub", "")}
	if url != "" {
		cfg.BaseEndpoint = &url
	}
	return cfg
}

func TestVerify(t *testing.T) {
	server := newStub(t, 200, `<GetCallerIdentityResponse><GetCallerIdentityResult>
		<Arn>arn:aws-cn:sts::123456789012:assumed-role/r/s</Arn><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`)
	c := New(config(server.URL), Options{})
	other := c.InRegion("cn-north-1")
	if c.AccountID() != "" || c.Partition() != "aws" || other.Partition() != "aws-cn" {
		t.Errorf("before: %q, %q, %q", c.AccountID(), c.Partition(), other.Partition())
	}
	if err := c.Verify(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c.AccountID() != "123456789012" || c.Partition() != "aws-cn" || other.AccountID() != "123456789012" {
		t.Errorf("after: %q, %q; in another region %q", c.AccountID(), c.Partition(), other.AccountID())
	}
	if got, want := other.ARN("iot", "rule/r"), "arn:aws-cn:iot:cn-north-1:123456789012:rule/r"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if err := New(config(newStub(t, 403,
		`<ErrorResponse><Error><Code>InvalidClientTokenId</Code></Error></ErrorResponse>`).URL),
		Options{}).Verify(t.Context()); !Is(
		err,
		"InvalidClientTokenId",
	) {
		t.Errorf("%v", err)
	}
}

func TestPartitions(t *testing.T) {
	for region, want := range map[string]string{"eu-west-1": "aws", "cn-north-1": "aws-cn",
		"us-gov-west-1": "aws-us-gov", "eusc-de-east-1": "aws-eusc",
		"us-iso-east-1": "aws-iso", "us-isob-east-1": "aws-iso-b"} {
		if got := New(aws.Config{Region: region}, Options{}).Partition(); got != want {
			t.Errorf("%s: %s, want %s", region, got, want)
		}
	}
}

func TestClientsAreKept(t *testing.T) {
	c := New(config(""), Options{})
	if c.IoT() != c.IoT() || c.InRegion("") != c || c.InRegion("eu-west-1") != c {
		t.Error("a second client for the same service and region")
	}
	other := c.InRegion("us-east-1")
	if other != c.InRegion("us-east-1") || other.InRegion("eu-west-1") != c {
		t.Error("a region's clients are made once, from wherever they are asked for")
	}
	if other.Region() != "us-east-1" || other.IoT() == c.IoT() || other.IoT().Options().Region != "us-east-1" {
		t.Error("the other region's clients go to this one")
	}
}

func TestEndpoints(t *testing.T) {
	everything, special := newStub(t, 200, "{}"), newStub(t, 200, "{}")
	c := New(config(everything.URL),
		Options{Endpoints: map[string]string{"iot": special.URL, "timestreamwrite": special.URL}, S3UsePathStyle: true})
	if _, err := c.IoT().ListThings(t.Context(), &iot.ListThingsInput{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.TimestreamWrite().ListDatabases(t.Context(), &timestreamwrite.ListDatabasesInput{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.S3().HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String("b")}); err != nil {
		t.Fatal(err)
	}
	// No DescribeEndpoints: its answer would lead away from the endpoint [AWS 6.1].
	if diff := cmp.Diff([]string{"GET /things", "POST / Timestream_20181101.ListDatabases"}, special.seen); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"HEAD /b"}, everything.seen); diff != "" {
		t.Error(diff)
	}
}

// A configured endpoint holds for every client, also for those that only the local runtime uses.
func TestEveryClientHonoursItsEndpoint(t *testing.T) {
	endpoints := map[string]string{}
	of := func(service string) *string {
		endpoints[service] = "http://" + service + ".example.com"
		return aws.String(endpoints[service])
	}
	want := []*string{
		of("cloudwatch"), of("dynamodb"), of("firehose"), of("iam"), of("iot"), of("iotdata"), of("kinesis"),
		of("lambda"),
		of("logs"), of("s3"), of("secretsmanager"), of("sns"), of("sqs"), of("ssm"), of("sts"), of("timestreamwrite"),
	}
	c := New(config("http://everything.example.com"), Options{Endpoints: endpoints})
	got := []*string{
		c.CloudWatch().Options().BaseEndpoint, c.DynamoDB().Options().BaseEndpoint, c.Firehose().Options().BaseEndpoint,
		c.IAM().Options().BaseEndpoint, c.IoT().Options().BaseEndpoint, IoTDataClient(c).Options().BaseEndpoint,
		c.Kinesis().Options().BaseEndpoint, c.Lambda().Options().BaseEndpoint, c.Logs().Options().BaseEndpoint,
		c.S3().Options().BaseEndpoint, c.SecretsManager().Options().BaseEndpoint, c.SNS().Options().BaseEndpoint,
		c.SQS().Options().BaseEndpoint, c.SSM().Options().BaseEndpoint, c.STS().Options().BaseEndpoint,
		c.TimestreamWrite().Options().BaseEndpoint,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// The SDK's own variables hold where the configuration says nothing.
func TestEndpointOfTheEnvironment(t *testing.T) {
	server := newStub(t, 200, "{}")
	t.Setenv("AWS_ENDPOINT_URL_TIMESTREAM_WRITE", server.URL)
	cfg, err := awsconfig.LoadDefaultConfig(t.Context(), awsconfig.WithRegion("eu-west-1"),
		awsconfig.WithCredentialsProvider(config("").Credentials))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(cfg, Options{}).TimestreamWrite().ListDatabases(t.Context(),
		&timestreamwrite.ListDatabasesInput{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"POST / Timestream_20181101.ListDatabases"}, server.seen); diff != "" {
		t.Error(diff)
	}
}

func TestRequestsCountsAttempts(t *testing.T) {
	server := newStub(t, 503, `{"message":"no"}`)
	cfg := config(server.URL)
	cfg.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = 3, 1 })
	}
	c := New(cfg, Options{})
	for _, region := range []string{"", "us-east-1"} {
		if _, err := c.InRegion(region).IoT().ListThings(t.Context(), &iot.ListThingsInput{}); err == nil {
			t.Fatal("a failure is lost")
		}
	}
	if diff := cmp.Diff(map[string]int{"iot:ListThings": 6}, c.Requests()); diff != "" {
		t.Error(diff)
	}
	if len(server.seen) != 6 {
		t.Errorf("%d requests arrived", len(server.seen))
	}
}

func TestLimiters(t *testing.T) {
	c := New(config(""),
		Options{RequestRates: map[string]float64{"iot:CreateThing": 7.5, "iot:ListThings": 0, "sqs:*": 2}})
	m := c.meter
	for _, tc := range []struct {
		operation string
		rate      float64 // 0: none
		burst     int
	}{
		{"iot:DescribeThing", 350, 350},
		{"iot:CreateThing", 7.5, 8},      // overridden; a bucket holds a second's worth
		{"iot:ListThings", 0, 0},         // lifted
		{"iot:SomethingNew", 0, 0},       // unknown
		{"lambda:GetFunction", 100, 100}, // has its own quota
		{"lambda:AddPermission", 15, 15}, // shares one
		{"sqs:CreateQueue", 2, 2},
	} {
		if got := c.Rate(tc.operation); got != tc.rate {
			t.Errorf("%s: rate %v, want %v", tc.operation, got, tc.rate)
		}
		l := m.limiter(tc.operation)
		if l == nil && tc.rate == 0 {
			continue
		}
		if l == nil || float64(l.Limit()) != tc.rate || l.Burst() != tc.burst {
			t.Errorf("%s: %+v, want %v", tc.operation, l, tc.rate)
		}
	}
	if m.limiter("lambda:AddPermission") != m.limiter("lambda:CreateFunction") {
		t.Error("Lambda's control plane has one quota [AWS 8]")
	}
	if m.limiter("iot:AttachPolicy") == m.limiter("iot:DetachPolicy") {
		t.Error("IoT's operations have a quota each [AWS 1.1]")
	}
}

func TestNoRequestGoesOverTheLimit(t *testing.T) {
	server := newStub(t, 200, "{}")
	c := New(config(server.URL), Options{RequestRates: map[string]float64{"iot:ListThings": 0.001}})
	if _, err := c.IoT().ListThings(t.Context(), &iot.ListThingsInput{}); err != nil {
		t.Fatal(err)
	}
	// The next request is due in a quarter of an hour, after the deadline: it is not even waited for.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := c.IoT().ListThings(ctx, &iot.ListThingsInput{}); err == nil {
		t.Error("a request was sent over the limit")
	}
	if len(server.seen) != 1 || c.Requests()["iot:ListThings"] != 1 {
		t.Errorf("%d requests arrived, %v counted", len(server.seen), c.Requests())
	}
}

// A fleet sends more requests at a time than the SDK keeps connections for.
func TestConnectionsAreKept(t *testing.T) {
	cfg := config("")
	cfg.HTTPClient = awshttp.NewBuildableClient()
	sdk, ok := New(cfg, Options{}).cfg.HTTPClient.(*awshttp.BuildableClient)
	if !ok || sdk.GetTransport().MaxIdleConnsPerHost < 64 {
		t.Errorf("the SDK's client keeps too few: %+v", sdk)
	}
	own := &http.Client{}
	if cfg.HTTPClient = own; New(cfg, Options{}).cfg.HTTPClient != own {
		t.Error("a client of the caller's own was replaced")
	}
}
