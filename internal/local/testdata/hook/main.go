// Command hook is a pre-provisioning hook for tests: it admits the serial numbers of its environment and says where
// they stand.
package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	lambda.Start(
		func(_ context.Context, r events.IoTPreProvisionHookRequest) (events.IoTPreProvisionHookResponse, error) {
			if r.TemplateARN != os.Getenv("IOT_TEMPLATE_ARN") || os.Getenv("AWS_ENDPOINT_URL") == "" ||
				r.CertificatePEM == "" ||
				r.ClaimCertificateID == "" {
				return events.IoTPreProvisionHookResponse{}, errors.New(
					"not asked as AWS IoT asks, or not in the function's environment",
				)
			}
			return events.IoTPreProvisionHookResponse{
				AllowProvisioning: slices.Contains(strings.Split(os.Getenv("IOT_SERIALS"), ","),
					r.Parameters["SerialNumber"]),
				ParameterOverrides: map[string]string{"site": "hall-9"},
			}, nil
		},
	)
}
