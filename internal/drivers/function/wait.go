package function

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
)

const (
	// propagationTimeout bounds the wait until Lambda sees a role and its policies, or has finished another write
	// [AWS 2.2 CreateFunction].
	propagationTimeout = 5 * time.Minute
	// updateTimeout bounds the wait until a function is Active after a write.
	updateTimeout = 10 * time.Minute
)

// notYet are the texts with which Lambda refuses a role, or a key that a role opens, before all of IAM knows it [AWS
// 2.2].
var notYet = []string{
	"The role defined for the function cannot be assumed by Lambda",
	"role does not have permissions",
	"throttled by EC2",
	"Lambda was unable to configure access to your environment variables because the KMS key is invalid for " +
		"CreateGrant",
}

// retry repeats what passes by itself: see notYet, and another write to the function under way. A conflict because
// something exists already comes back at once.
func (d *Driver) retry(ctx context.Context, what string, call func(context.Context) error) error {
	return d.c.Retry(ctx, what, propagationTimeout, func(err error) bool {
		return awsapi.Is(err, "InvalidParameterValueException") && awsapi.MessageHas(err, notYet...) ||
			awsapi.Is(err, "ResourceConflictException") && !awsapi.MessageHas(err, "already exist")
	}, call)
}

// isUpdated reports whether a write's own answer says that the function takes the next write.
func isUpdated(state types.State, update types.LastUpdateStatus) bool {
	return state == types.StateActive && update == types.LastUpdateStatusSuccessful
}

// Wait returns when the function is active and its last update has succeeded.
func (d *Driver) Wait(ctx context.Context, ref assembly.Ref) error {
	out, err := d.updated(ctx, ref.Name)
	switch {
	case err != nil:
		return err
	case out.State == types.StateFailed:
		return fmt.Errorf("the function is in the state Failed: %s", aws.ToString(out.StateReason))
	case out.LastUpdateStatus == types.LastUpdateStatusFailed:
		return fmt.Errorf("the function's last update failed: %s", aws.ToString(out.LastUpdateStatusReason))
	}
	return nil
}

// waitUpdated waits until the function takes the next write; it sends no request if that is known. A write that failed
// is no reason not to make the next, which may repair it.
func (d *Driver) waitUpdated(ctx context.Context, name string, known bool) error {
	if known {
		return nil
	}
	_, err := d.updated(ctx, name)
	return err
}

// updated waits until no write to the function is under way and returns its configuration. An idle function is Inactive
// until its next invocation, and takes writes.
func (d *Driver) updated(ctx context.Context, name string) (out *lambda.GetFunctionConfigurationOutput, err error) {
	err = d.c.Poll(ctx, "waiting until the function is active", updateTimeout, func(ctx context.Context) (bool, error) {
		out, err = d.c.Lambda().GetFunctionConfiguration(ctx,
			&lambda.GetFunctionConfigurationInput{FunctionName: &name})
		if err != nil {
			return false, err
		}
		return out.State != types.StatePending && out.LastUpdateStatus != types.LastUpdateStatusInProgress, nil
	})
	return out, err
}
