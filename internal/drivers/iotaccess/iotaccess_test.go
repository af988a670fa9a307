package iotaccess

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
)

func clients() *awsapi.Clients {
	return awsapi.New(aws.Config{}, awsapi.Options{Clock: awsapi.NewInstantClock()})
}

func TestWhatPasses(t *testing.T) {
	for _, tc := range []struct {
		why, code, message string
		passes             bool
	}{
		{"a topic rule's role", "InvalidRequestException",
			"iot.amazonaws.com is unable to perform: sts:AssumeRole on resource: arn:aws:iam::1:role/r", true},
		{"the same in newer words", "InvalidRequestException",
			"AWS IoT (iot.amazonaws.com) is unable to assume role (sts:AssumeRole) on resource: arn:aws:iam::1:role/r",
			true},
		{"what tools for templates wait on", "InvalidRequestException",
			"Role arn:aws:iam::1:role/r cannot be assumed by AWS IoT", true},
		{"a function's permission", "InvalidRequestException",
			"iot.amazonaws.com is unable to perform: lambda:InvokeFunction on resource: f", true},
		{"two writes that meet", "ConflictingResourceUpdateException", "", true},
		{"a body that is wrong", "InvalidRequestException", "Invalid template body", false},
		{"a role that is not an ARN", "InvalidRequestException", "Invalid role ARN", false},
		{"no permission to hand the role on", "AccessDeniedException",
			"not authorized to perform: iam:PassRole, cannot be assumed", false},
	} {
		calls := 0
		err := Retry(t.Context(), clients(), "waiting", func(context.Context) error {
			if calls++; calls > 2 {
				return nil
			}
			return &smithy.GenericAPIError{Code: tc.code, Message: tc.message}
		})
		if passes := err == nil && calls == 3; passes != tc.passes || !passes && calls != 1 {
			t.Errorf("%s: %d calls, %v", tc.why, calls, err)
		}
	}
}

func TestTheWaitEnds(t *testing.T) {
	err := Retry(t.Context(), clients(), "waiting for the role", func(context.Context) error {
		return &smithy.GenericAPIError{Code: "InvalidRequestException", Message: "cannot be assumed"}
	})
	if err == nil || !strings.Contains(err.Error(), "waiting for the role: not there after 2m0s") {
		t.Errorf("%v", err)
	}
}
