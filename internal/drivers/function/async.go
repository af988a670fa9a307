package function

import (
	"cmp"
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// defaultMaxAgeSeconds is how long Lambda keeps an asynchronous event when nothing is set: six hours.
const defaultMaxAgeSeconds = 21600

// async reads what Lambda does with asynchronous invocations that fail; nil when nothing is set.
func (d *Driver) async(ctx context.Context, name string) (*spec.AsyncConfig, error) {
	out, err := d.c.Lambda().GetFunctionEventInvokeConfig(ctx,
		&lambda.GetFunctionEventInvokeConfigInput{FunctionName: &name})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading its asynchronous settings: %w", err)
	}
	c := &spec.AsyncConfig{MaxRetries: 2, MaxAgeSeconds: aws.ToInt32(out.MaximumEventAgeInSeconds)}
	if out.MaximumRetryAttempts != nil {
		c.MaxRetries = *out.MaximumRetryAttempts
	}
	if out.DestinationConfig != nil && out.DestinationConfig.OnFailure != nil {
		c.OnFailureARN = aws.ToString(out.DestinationConfig.OnFailure.Destination)
	}
	return c, nil
}

// putAsync writes all asynchronous settings. Lambda checks that the role may write to the destination.
func (d *Driver) putAsync(ctx context.Context, name string, want spec.AsyncConfig) error {
	in := &lambda.PutFunctionEventInvokeConfigInput{FunctionName: &name, MaximumRetryAttempts: &want.MaxRetries}
	if want.MaxAgeSeconds != 0 {
		in.MaximumEventAgeInSeconds = &want.MaxAgeSeconds
	}
	if want.OnFailureARN != "" {
		in.DestinationConfig = &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: &want.OnFailureARN}}
	}
	err := d.retry(
		ctx,
		"waiting until Lambda may use the function's failure destination",
		func(ctx context.Context) error {
			_, err := d.c.Lambda().PutFunctionEventInvokeConfig(ctx, in)
			return err
		},
	)
	if err != nil {
		return fmt.Errorf("writing its asynchronous settings: %w", err)
	}
	return nil
}

func (d *Driver) updateAsync(ctx context.Context, name string, want *spec.AsyncConfig) error {
	if want != nil {
		return d.putAsync(ctx, name, *want)
	}
	_, err := d.c.Lambda().DeleteFunctionEventInvokeConfig(ctx,
		&lambda.DeleteFunctionEventInvokeConfigInput{FunctionName: &name})
	if err != nil && !awsapi.IsNotFound(err) {
		return fmt.Errorf("removing its asynchronous settings: %w", err)
	}
	return nil
}

func sameAsync(have, want *spec.AsyncConfig) bool {
	if have == nil || want == nil {
		return have == want
	}
	age := func(c *spec.AsyncConfig) int32 { return cmp.Or(c.MaxAgeSeconds, defaultMaxAgeSeconds) }
	return have.MaxRetries == want.MaxRetries && have.OnFailureARN == want.OnFailureARN && age(have) == age(want)
}
