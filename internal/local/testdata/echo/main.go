// Command echo is a function behind an HTTP API for tests: it answers with what it was asked, and fails on request.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	lambda.Start(func(_ context.Context, e events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		if strings.HasSuffix(e.RawPath, "/fail") {
			return events.APIGatewayV2HTTPResponse{}, errors.New("as asked")
		}
		body, err := json.Marshal(e)
		return events.APIGatewayV2HTTPResponse{StatusCode: 200, Body: string(body),
			Headers: map[string]string{"content-type": "application/json"}}, err
	})
}
