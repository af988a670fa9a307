package awsapi

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/timestreamwrite"
)

// MQTTEndpoint is the host name that devices of the account connect to in this region, with Amazon's own certificate
// authority (ATS).
func (c *Clients) MQTTEndpoint(ctx context.Context) (string, error) {
	out, err := c.IoT().DescribeEndpoint(ctx, &iot.DescribeEndpointInput{EndpointType: aws.String("iot:Data-ATS")})
	if err != nil {
		return "", fmt.Errorf("asking for the MQTT endpoint: %w", err)
	}
	return aws.ToString(out.EndpointAddress), nil
}

// MQTTEndpointIsStable asks again and reports whether the answer is the same. On AWS it always is, so nothing is asked
// there. An emulator may make up a name for each request, as moto does.
func (c *Clients) MQTTEndpointIsStable(ctx context.Context, endpoint string) (bool, error) {
	if c.IoT().Options().BaseEndpoint == nil {
		return true, nil
	}
	again, err := c.MQTTEndpoint(ctx)
	return again == endpoint, err
}

// DataEndpoint is what messages are published through: a configured URL of the IoT data plane ("iotdata" in the
// provider block, or the SDK's environment variable), else host.
func (c *Clients) DataEndpoint(host string) string {
	if url := c.opts.Endpoints["iotdata"]; url != "" {
		return url
	}
	if url := os.Getenv("AWS_ENDPOINT_URL_IOT_DATA_PLANE"); url != "" {
		return url
	}
	return host
}

// ErrTimestreamClosed says that the account was not a customer of Timestream LiveAnalytics when AWS closed it.
var ErrTimestreamClosed = errors.New(
	"the account has no access to Timestream LiveAnalytics, which AWS has closed to new customers",
)

// CheckTimestream finds out, without writing, whether the account may use Timestream LiveAnalytics: accounts that may
// not are refused by the endpoint discovery [AWS 6.1]. The error is ErrTimestreamClosed then.
func (c *Clients) CheckTimestream(ctx context.Context) error {
	_, err := c.TimestreamWrite().DescribeEndpoints(ctx, &timestreamwrite.DescribeEndpointsInput{})
	if Is(err, "AccessDeniedException") {
		return fmt.Errorf("%w (%s)", ErrTimestreamClosed, DetailOf(err).Message)
	}
	if err != nil {
		return fmt.Errorf("asking for the Timestream endpoints: %w", err)
	}
	return nil
}

// ErrNotFound says that what was asked for does not exist.
var ErrNotFound = errors.New("not found")

// ReadParameter gives the decrypted value of an SSM parameter; the error is ErrNotFound when there is none.
func (c *Clients) ReadParameter(ctx context.Context, name string) (string, error) {
	out, err := c.SSM().
		GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(name), WithDecryption: aws.Bool(true)})
	if IsNotFound(err) {
		return "", ErrNotFound
	}
	if err != nil {
		return "", fmt.Errorf("reading SSM parameter %q: %w", name, err)
	}
	return aws.ToString(out.Parameter.Value), nil
}
