// Package clients makes the AWS clients of the local runtime, once, with what an emulator on one address needs.
package clients

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iotdataplane"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/timestreamwrite"
)

// A Set is one client per service, all of one account and region.
type Set struct {
	Config     aws.Config
	CloudWatch *cloudwatch.Client
	DynamoDB   *dynamodb.Client
	Firehose   *firehose.Client
	IoT        *iot.Client
	IoTData    *iotdataplane.Client
	Kinesis    *kinesis.Client
	Lambda     *lambda.Client
	Logs       *cloudwatchlogs.Client
	S3         *s3.Client
	Secrets    *secretsmanager.Client
	SNS        *sns.Client
	SQS        *sqs.Client
	SSM        *ssm.Client
	STS        *sts.Client
	Timestream *timestreamwrite.Client
}

// New makes the clients. With an endpoint of its own in the configuration, S3 puts the bucket in the path, and Timestream
// asks no one for another endpoint.
func New(c aws.Config) *Set {
	local := c.BaseEndpoint != nil
	if local {
		c.ConfigSources = append([]any{noDiscovery{}}, c.ConfigSources...)
	}
	return &Set{
		Config:     c,
		CloudWatch: cloudwatch.NewFromConfig(c),
		DynamoDB:   dynamodb.NewFromConfig(c),
		Firehose:   firehose.NewFromConfig(c),
		IoT:        iot.NewFromConfig(c),
		IoTData:    iotdataplane.NewFromConfig(c),
		Kinesis:    kinesis.NewFromConfig(c),
		Lambda:     lambda.NewFromConfig(c),
		Logs:       cloudwatchlogs.NewFromConfig(c),
		S3:         s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = o.UsePathStyle || local }),
		Secrets:    secretsmanager.NewFromConfig(c),
		SNS:        sns.NewFromConfig(c),
		SQS:        sqs.NewFromConfig(c),
		SSM:        ssm.NewFromConfig(c),
		STS:        sts.NewFromConfig(c),
		Timestream: timestreamwrite.NewFromConfig(c),
	}
}

// noDiscovery is a configuration source that switches endpoint discovery off.
type noDiscovery struct{}

// GetEnableEndpointDiscovery is what the SDK asks a configuration source for.
func (noDiscovery) GetEnableEndpointDiscovery(context.Context) (aws.EndpointDiscoveryEnableState, bool, error) {
	return aws.EndpointDiscoveryDisabled, true, nil
}
