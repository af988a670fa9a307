package eventsource

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
)

const (
	// propagationTimeout bounds the wait until Lambda sees the role's policies, or has finished another write [AWS
	// 2.2 CreateEventSourceMapping].
	propagationTimeout = 5 * time.Minute
	// stateTimeout bounds the wait until a mapping works, or is gone [AWS 2.2].
	stateTimeout = 10 * time.Minute
)

const stateDeleting = "Deleting"

// underWay are the states that end by themselves.
var underWay = []string{"Creating", "Enabling", "Disabling", "Updating"}

// notYet are the texts with which Lambda refuses a role before all of IAM knows it [AWS 2.2 CreateEventSourceMapping].
var notYet = []string{
	"cannot be assumed by Lambda",
	"execution role does not have permissions",
	"ensure the role can perform",
}

// retry repeats what passes by itself: see notYet, and another change of the mapping or the function under way. A
// conflict because the mapping exists already comes back at once.
func (d *Driver) retry(ctx context.Context, what string, call func(context.Context) error) error {
	return d.c.Retry(ctx, what, propagationTimeout, func(err error) bool {
		return awsapi.Is(err, "InvalidParameterValueException") && awsapi.MessageHas(err, notYet...) ||
			awsapi.Is(err, "ResourceInUseException") ||
			awsapi.Is(err, "ResourceConflictException") && !awsapi.MessageHas(err, "exist")
	}, call)
}

// Wait returns when the mapping is enabled.
func (d *Driver) Wait(ctx context.Context, ref assembly.Ref) error {
	return d.c.Poll(
		ctx,
		"waiting until the event source mapping is enabled",
		stateTimeout,
		func(ctx context.Context) (bool, error) {
			out, err := d.c.Lambda().GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: &ref.ID})
			if err != nil {
				return false, err
			}
			switch state := aws.ToString(out.State); {
			case slices.Contains(underWay, state):
				return false, nil
			case state != "Enabled":
				return false, errors.New(
					"the event source mapping is in the state " + state + ": " + aws.ToString(
						out.StateTransitionReason,
					),
				)
			}
			return true, nil
		},
	)
}

// Delete removes the mapping and waits until it is gone: a new one between the same stream and function is refused
// before.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	if ref.ID == "" {
		m, err := d.between(ctx, ref.Name)
		if m == nil || err != nil {
			return err
		}
		ref.ID = aws.ToString(m.UUID)
	}
	err := d.retry(ctx, "waiting until the mapping can be deleted", func(ctx context.Context) error {
		_, err := d.c.Lambda().DeleteEventSourceMapping(ctx, &lambda.DeleteEventSourceMappingInput{UUID: &ref.ID})
		return err
	})
	if awsapi.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return d.c.Poll(
		ctx,
		"waiting until the event source mapping is gone",
		stateTimeout,
		func(ctx context.Context) (bool, error) {
			_, err := d.c.Lambda().GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: &ref.ID})
			if awsapi.IsNotFound(err) {
				return true, nil
			}
			return false, err
		},
	)
}
