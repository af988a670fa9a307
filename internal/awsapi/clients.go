// Package awsapi is the one way to AWS: it makes the service clients of an
// account and region, holds their request rates within AWS's quotas, says what
// an error means, and waits.
//
// It must not know what a pipeline is, how an object is compared or created,
// nor Terraform.
package awsapi

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/athena"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iotdataplane"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/timestreaminfluxdb"
	"github.com/aws/aws-sdk-go-v2/service/timestreamwrite"
)

// Options are what a caller may set beside the SDK's own configuration.
type Options struct {
	// Endpoints maps a service, by its name in hashicorp/aws ("iot", "timestreamwrite", "logs"), to a base URL.
	Endpoints map[string]string
	// S3UsePathStyle puts the bucket in the path of S3 URLs, not in the host.
	S3UsePathStyle bool
	// RequestRates overrides requests per second, by "service:Operation" such as "iot:CreateThing".
	// "service:*" is shared by all operations of a service that have no rate of their own. 0 or less lifts a limit.
	RequestRates map[string]float64
	// Unlimited drops the default rates, for an emulator and for a program that sends few requests.
	Unlimited bool
	// Clock is the time of Retry and Poll; nil means real time.
	Clock Clock
	// Waiting is called before each pause of Retry and Poll, with their context, what they wait for and since when.
	// It may be nil, and calls may overlap.
	Waiting func(ctx context.Context, what string, waited time.Duration)
	// Failing is called from the third time on that a service answers a request with an error of its own, before the
	// request is repeated. It may be nil, and calls may overlap.
	Failing func(ctx context.Context, o Outage)
	// IgnoreTag reports whether others manage a tag (the provider's ignore_tags). Nil means that nobody does.
	IgnoreTag func(key string) bool
}

// Clients makes and keeps the service clients of one account and region. It is safe for concurrent use.
type Clients struct {
	cfg    aws.Config
	opts   Options
	meter  *meter
	shared *shared

	iot                lazy[*IoT]
	kinesis            lazy[*Kinesis]
	timestreamWrite    lazy[*TimestreamWrite]
	dynamoDB           lazy[*DynamoDB]
	s3                 lazy[*s3.Client]
	sns                lazy[*SNS]
	sqs                lazy[*SQS]
	iam                lazy[*IAM]
	lambda             lazy[*Lambda]
	logs               lazy[*Logs]
	ssm                lazy[*SSM]
	secretsManager     lazy[*SecretsManager]
	sts                lazy[*sts.Client]
	cloudWatch         lazy[*CloudWatch]
	firehose           lazy[*Firehose]
	glue               lazy[*Glue]
	athena             lazy[*Athena]
	scheduler          lazy[*Scheduler]
	timestreamInfluxDB lazy[*TimestreamInfluxDB]
	apiGateway         lazy[*APIGateway]
	greengrass         lazy[*Greengrass]
	iotData            lazy[*IoTData]
	tagging            lazy[*ResourceGroupsTagging]
}

// shared is what the clients of all regions have in common.
type shared struct {
	mu        sync.Mutex
	accountID string
	partition string
	caller    string
	regions   map[string]*Clients
	counts    map[string]int
}

type lazy[T any] struct {
	once  sync.Once
	value T
}

func (l *lazy[T]) get(build func() T) T {
	l.once.Do(func() { l.value = build() })
	return l.value
}

// New prepares clients for the account and region of cfg. It sends nothing.
func New(cfg aws.Config, o Options) *Clients {
	s := &shared{regions: map[string]*Clients{}, counts: map[string]int{}}
	cfg = cfg.Copy()
	cfg.HTTPClient = keepingConnections(cfg.HTTPClient)
	c := newInRegion(cfg, o, s)
	s.regions[c.cfg.Region] = c
	return c
}

// NewLocal prepares clients for the local runtime: without rate limits and, for an emulator (a cfg with one endpoint
// for all services), with path-style S3 URLs.
func NewLocal(cfg aws.Config) *Clients {
	return New(cfg, Options{Unlimited: true, S3UsePathStyle: cfg.BaseEndpoint != nil})
}

// idleConnections are kept for each host. The SDK keeps 10, so that with more requests at a time most of them would
// open a connection of their own; a fleet sends 32 at a time.
const idleConnections = 64

// keepingConnections raises the number of idle connections of the SDK's own client; a caller's client stays as it is.
func keepingConnections(client aws.HTTPClient) aws.HTTPClient {
	buildable, ok := client.(*awshttp.BuildableClient)
	if !ok {
		return client
	}
	return buildable.WithTransportOptions(func(tr *http.Transport) {
		tr.MaxIdleConnsPerHost = max(tr.MaxIdleConnsPerHost, idleConnections)
		if tr.MaxIdleConns > 0 { // 0: no limit
			tr.MaxIdleConns = max(tr.MaxIdleConns, 2*idleConnections)
		}
	})
}

func newInRegion(cfg aws.Config, o Options, s *shared) *Clients {
	return &Clients{cfg: cfg, opts: o, meter: newMeter(o, s), shared: s}
}

// InRegion gives clients of the same account, credentials and settings for another region; an empty region means this
// one. Requests are limited per region, as AWS's quotas are.
func (c *Clients) InRegion(region string) *Clients {
	if region == "" || region == c.cfg.Region {
		return c
	}
	c.shared.mu.Lock()
	defer c.shared.mu.Unlock()
	if other, ok := c.shared.regions[region]; ok {
		return other
	}
	cfg := c.cfg.Copy()
	cfg.Region = region
	other := newInRegion(cfg, c.opts, c.shared)
	c.shared.regions[region] = other
	return other
}

// Region is the region that requests go to.
func (c *Clients) Region() string { return c.cfg.Region }

// AccountID is the 12-digit account, or empty before WithAccount or Verify.
func (c *Clients) AccountID() string {
	c.shared.mu.Lock()
	defer c.shared.mu.Unlock()
	return c.shared.accountID
}

// Partition is the first part of ARNs after "arn:": what Verify saw, else what the region's name says.
func (c *Clients) Partition() string {
	c.shared.mu.Lock()
	partition := c.shared.partition
	c.shared.mu.Unlock()
	switch {
	case partition != "":
		return partition
	case strings.HasPrefix(c.cfg.Region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(c.cfg.Region, "us-gov-"):
		return "aws-us-gov"
	case strings.HasPrefix(c.cfg.Region, "eusc-"):
		return "aws-eusc"
	case strings.HasPrefix(c.cfg.Region, "us-iso-"):
		return "aws-iso"
	case strings.HasPrefix(c.cfg.Region, "us-isob-"):
		return "aws-iso-b"
	}
	return "aws"
}

// ARN predicts the ARN of an object of this account and region, which must be known (WithAccount, Verify). Resource is
// the ARN's last part, such as "rule/alerts".
func (c *Clients) ARN(service, resource string) string {
	return fmt.Sprintf("arn:%s:%s:%s:%s:%s", c.Partition(), service, c.Region(), c.AccountID(), resource)
}

// WithAccount sets the account without asking AWS, for all regions, and returns c.
func (c *Clients) WithAccount(id string) *Clients {
	c.shared.mu.Lock()
	defer c.shared.mu.Unlock()
	c.shared.accountID = id
	return c
}

// Verify asks AWS whose credentials these are and keeps the account and the partition.
func (c *Clients) Verify(ctx context.Context) error {
	out, err := c.STS().GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return fmt.Errorf("asking AWS for the caller's identity: %w", err)
	}
	caller, err := arn.Parse(aws.ToString(out.Arn))
	if err != nil {
		return fmt.Errorf("reading the caller's ARN %q: %w", aws.ToString(out.Arn), err)
	}
	c.shared.mu.Lock()
	defer c.shared.mu.Unlock()
	c.shared.accountID, c.shared.partition = aws.ToString(out.Account), caller.Partition
	c.shared.caller = caller.String()
	return nil
}

// Caller is the ARN of whose credentials these are, as STS says it; empty before Verify.
func (c *Clients) Caller() string {
	c.shared.mu.Lock()
	defer c.shared.mu.Unlock()
	return c.shared.caller
}

// Rate is the requests per second that an operation ("iot:CreateThing") is held to; 0 when nothing limits it.
// Operations that share a limit each give the whole of it.
func (c *Clients) Rate(operation string) float64 {
	_, perSecond := c.meter.rate(operation)
	return max(0, perSecond)
}

// IgnoresTag reports whether others manage a tag, so that it is neither drift nor removed.
func (c *Clients) IgnoresTag(key string) bool {
	return c.opts.IgnoreTag != nil && c.opts.IgnoreTag(key)
}

// IgnoresTags reports whether there may be tags that others manage.
func (c *Clients) IgnoresTags() bool { return c.opts.IgnoreTag != nil }

// Requests counts the requests sent so far in all regions, retries included, by "service:Operation".
func (c *Clients) Requests() map[string]int {
	c.shared.mu.Lock()
	defer c.shared.mu.Unlock()
	counts := make(map[string]int, len(c.shared.counts))
	for operation, n := range c.shared.counts {
		counts[operation] = n
	}
	return counts
}

// config is the SDK configuration of one service, with its meter and retry rules.
func (c *Clients) config(service string) aws.Config {
	cfg := c.cfg.Copy()
	cfg.APIOptions = append(cfg.APIOptions[:len(cfg.APIOptions):len(cfg.APIOptions)], c.meter.forService(service),
		c.watchOutages(service))
	cfg.Retryer = retryerOf(c.cfg)
	return cfg
}

// endpoint is the configured base URL of a service, else what the SDK resolved (AWS_ENDPOINT_URL and the like).
func (c *Clients) endpoint(service string, resolved *string) *string {
	if url := c.opts.Endpoints[service]; url != "" {
		return aws.String(url)
	}
	return resolved
}

// IoT is the IoT control plane.
func (c *Clients) IoT() *IoT { return c.iot.get(func() *IoT { return newIoT(IoTClient(c)) }) }

// IoTClient makes a client of the IoT control plane with all operations. It is a function, since the linker keeps
// methods.
func IoTClient(c *Clients) *iot.Client {
	return iot.NewFromConfig(c.config("iot"),
		func(o *iot.Options) { o.BaseEndpoint = c.endpoint("iot", o.BaseEndpoint) })
}

// Kinesis is Kinesis Data Streams.
func (c *Clients) Kinesis() *Kinesis {
	return c.kinesis.get(func() *Kinesis {
		return newKinesis(kinesis.NewFromConfig(c.config("kinesis"),
			func(o *kinesis.Options) { o.BaseEndpoint = c.endpoint("kinesis", o.BaseEndpoint) }))
	})
}

// TimestreamWrite is Timestream LiveAnalytics' write and control plane. With a custom endpoint it does
// not discover AWS's own, which would send the requests past that endpoint [AWS 6.1].
func (c *Clients) TimestreamWrite() *TimestreamWrite {
	return c.timestreamWrite.get(func() *TimestreamWrite {
		return newTimestreamWrite(timestreamwrite.NewFromConfig(c.config("timestreamwrite"),
			func(o *timestreamwrite.Options) {
				o.BaseEndpoint = c.endpoint("timestreamwrite", o.BaseEndpoint)
				if o.BaseEndpoint != nil {
					o.EndpointDiscovery.EnableEndpointDiscovery = aws.EndpointDiscoveryDisabled
				}
			}))
	})
}

// TimestreamInfluxDB is Timestream for InfluxDB, which makes instances.
func (c *Clients) TimestreamInfluxDB() *TimestreamInfluxDB {
	return c.timestreamInfluxDB.get(func() *TimestreamInfluxDB {
		return newTimestreamInfluxDB(timestreaminfluxdb.NewFromConfig(c.config("timestreaminfluxdb"),
			func(o *timestreaminfluxdb.Options) {
				o.BaseEndpoint = c.endpoint("timestreaminfluxdb", o.BaseEndpoint)
			}))
	})
}

// DynamoDB is DynamoDB.
func (c *Clients) DynamoDB() *DynamoDB {
	return c.dynamoDB.get(func() *DynamoDB {
		return newDynamoDB(dynamodb.NewFromConfig(c.config("dynamodb"),
			func(o *dynamodb.Options) { o.BaseEndpoint = c.endpoint("dynamodb", o.BaseEndpoint) }))
	})
}

// S3 is the client of S3.
func (c *Clients) S3() *s3.Client {
	return c.s3.get(func() *s3.Client {
		return s3.NewFromConfig(c.config("s3"), func(o *s3.Options) {
			o.BaseEndpoint = c.endpoint("s3", o.BaseEndpoint)
			o.UsePathStyle = o.UsePathStyle || c.opts.S3UsePathStyle
		})
	})
}

// SNS is SNS.
func (c *Clients) SNS() *SNS {
	return c.sns.get(func() *SNS {
		return newSNS(sns.NewFromConfig(c.config("sns"),
			func(o *sns.Options) { o.BaseEndpoint = c.endpoint("sns", o.BaseEndpoint) }))
	})
}

// SQS is SQS.
func (c *Clients) SQS() *SQS {
	return c.sqs.get(func() *SQS { return newSQS(SQSClient(c)) })
}

// IAM is IAM, which is one for all regions of a partition.
func (c *Clients) IAM() *IAM {
	return c.iam.get(func() *IAM {
		return newIAM(iam.NewFromConfig(c.config("iam"),
			func(o *iam.Options) { o.BaseEndpoint = c.endpoint("iam", o.BaseEndpoint) }))
	})
}

// Lambda is Lambda.
func (c *Clients) Lambda() *Lambda {
	return c.lambda.get(func() *Lambda {
		return newLambda(lambda.NewFromConfig(c.config("lambda"),
			func(o *lambda.Options) { o.BaseEndpoint = c.endpoint("lambda", o.BaseEndpoint) }))
	})
}

// Logs is CloudWatch Logs.
func (c *Clients) Logs() *Logs {
	return c.logs.get(func() *Logs {
		return newLogs(cloudwatchlogs.NewFromConfig(c.config("logs"),
			func(o *cloudwatchlogs.Options) { o.BaseEndpoint = c.endpoint("logs", o.BaseEndpoint) }))
	})
}

// SSM is Systems Manager, for its Parameter Store.
func (c *Clients) SSM() *SSM {
	return c.ssm.get(func() *SSM {
		return newSSM(ssm.NewFromConfig(c.config("ssm"),
			func(o *ssm.Options) { o.BaseEndpoint = c.endpoint("ssm", o.BaseEndpoint) }))
	})
}

// SecretsManager is Secrets Manager.
func (c *Clients) SecretsManager() *SecretsManager {
	return c.secretsManager.get(func() *SecretsManager {
		return newSecretsManager(secretsmanager.NewFromConfig(c.config("secretsmanager"),
			func(o *secretsmanager.Options) {
				o.BaseEndpoint = c.endpoint("secretsmanager", o.BaseEndpoint)
			}))
	})
}

// STS is the client of STS.
func (c *Clients) STS() *sts.Client {
	return c.sts.get(func() *sts.Client {
		return sts.NewFromConfig(c.config("sts"),
			func(o *sts.Options) { o.BaseEndpoint = c.endpoint("sts", o.BaseEndpoint) })
	})
}

// CloudWatch is CloudWatch.
func (c *Clients) CloudWatch() *CloudWatch {
	return c.cloudWatch.get(func() *CloudWatch { return newCloudWatch(CloudWatchClient(c)) })
}

// Firehose is Amazon Data Firehose.
func (c *Clients) Firehose() *Firehose {
	return c.firehose.get(func() *Firehose {
		return newFirehose(firehose.NewFromConfig(c.config("firehose"),
			func(o *firehose.Options) { o.BaseEndpoint = c.endpoint("firehose", o.BaseEndpoint) }))
	})
}

// IoTDataClient makes a client of the IoT data plane. It is a function, since the linker keeps methods.
func IoTDataClient(c *Clients) *iotdataplane.Client {
	return iotdataplane.NewFromConfig(c.config("iotdata"),
		func(o *iotdataplane.Options) { o.BaseEndpoint = c.endpoint("iotdata", o.BaseEndpoint) })
}

// IoTData is the IoT data plane. Unless its endpoint is configured, AtEndpoint has to say which the account's is.
func (c *Clients) IoTData() *IoTData {
	return c.iotData.get(func() *IoTData { return newIoTData(IoTDataClient(c)) })
}

// AtEndpoint sends a request of the IoT data plane to the account's own host, unless an endpoint is configured.
func AtEndpoint(host string) func(*iotdataplane.Options) {
	return func(o *iotdataplane.Options) {
		if o.BaseEndpoint == nil && host != "" {
			o.BaseEndpoint = aws.String("https://" + host)
		}
	}
}

// Glue is AWS Glue, for its data catalog.
func (c *Clients) Glue() *Glue {
	return c.glue.get(func() *Glue {
		return newGlue(glue.NewFromConfig(c.config("glue"),
			func(o *glue.Options) { o.BaseEndpoint = c.endpoint("glue", o.BaseEndpoint) }))
	})
}

// Athena is Amazon Athena.
func (c *Clients) Athena() *Athena {
	return c.athena.get(func() *Athena {
		return newAthena(athena.NewFromConfig(c.config("athena"),
			func(o *athena.Options) { o.BaseEndpoint = c.endpoint("athena", o.BaseEndpoint) }))
	})
}

// Scheduler is EventBridge Scheduler.
func (c *Clients) Scheduler() *Scheduler {
	return c.scheduler.get(func() *Scheduler {
		return newScheduler(scheduler.NewFromConfig(c.config("scheduler"),
			func(o *scheduler.Options) { o.BaseEndpoint = c.endpoint("scheduler", o.BaseEndpoint) }))
	})
}

// APIGateway is API Gateway for HTTP APIs.
func (c *Clients) APIGateway() *APIGateway {
	return c.apiGateway.get(func() *APIGateway {
		return newAPIGateway(apigatewayv2.NewFromConfig(c.config("apigatewayv2"),
			func(o *apigatewayv2.Options) { o.BaseEndpoint = c.endpoint("apigatewayv2", o.BaseEndpoint) }))
	})
}

// ResourceGroupsTagging is the Resource Groups Tagging API.
func (c *Clients) ResourceGroupsTagging() *ResourceGroupsTagging {
	return c.tagging.get(func() *ResourceGroupsTagging {
		return newResourceGroupsTagging(resourcegroupstaggingapi.NewFromConfig(c.config("resourcegroupstaggingapi"),
			func(o *resourcegroupstaggingapi.Options) {
				o.BaseEndpoint = c.endpoint("resourcegroupstaggingapi", o.BaseEndpoint)
			}))
	})
}

// SQSClient makes a client of SQS, for who receives from a queue.
func SQSClient(c *Clients) *sqs.Client {
	return sqs.NewFromConfig(c.config("sqs"),
		func(o *sqs.Options) { o.BaseEndpoint = c.endpoint("sqs", o.BaseEndpoint) })
}

// CloudWatchClient makes a client of CloudWatch, for who writes metrics.
func CloudWatchClient(c *Clients) *cloudwatch.Client {
	return cloudwatch.NewFromConfig(c.config("cloudwatch"),
		func(o *cloudwatch.Options) { o.BaseEndpoint = c.endpoint("cloudwatch", o.BaseEndpoint) })
}
