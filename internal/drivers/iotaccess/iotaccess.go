// Package iotaccess waits until AWS IoT sees what it was given access to: a role
// that was just made, a function whose permission was just added. It must not
// know what the access is for.
package iotaccess

import (
	"context"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
)

// Timeout bounds the wait, as in hashicorp/aws [AWS 2.2 Create/UpdateProvisioningTemplate].
const Timeout = 2 * time.Minute

// texts are what the message of an InvalidRequestException holds when IoT does not see a role or a permission yet.
// For topic rules AWS is known to send "is unable to perform: sts:AssumeRole on resource" and "is unable to assume
// role (sts:AssumeRole)" [AWS 2.2 CreateTopicRule], and for a function "is unable to perform: lambda:InvokeFunction
// on resource". What it sends about the role of a provisioning template is not documented (C); public tools that make
// templates wait on "cannot be assumed". Every other invalid request is refused permanently: waiting for it would cost
// two minutes.
var texts = []string{"assume", "Assume", "lambda:InvokeFunction"}

// Retry calls until the call succeeds or fails with an error that does not pass by itself. Writes to one object that
// meet (ConflictingResourceUpdateException) pass too. What names what is waited for.
func Retry(ctx context.Context, c *awsapi.Clients, what string, call func(context.Context) error) error {
	return c.Retry(ctx, what, Timeout, func(err error) bool {
		return awsapi.Is(err, "InvalidRequestException") && awsapi.MessageHas(err, texts...) ||
			awsapi.Is(err, "ConflictingResourceUpdateException")
	}, call)
}
