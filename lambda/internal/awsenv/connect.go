package awsenv

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// connectTimeout limits how long a function's start waits for connections.
const connectTimeout = 500 * time.Millisecond

// Connect opens a TLS connection to each of the endpoints, for the first calls to use: while a function starts it has a
// whole processor, later only the share that its memory buys. The other connections resume the session of this one,
// which saves them the certificates. Connect fails nothing: an endpoint that does not answer in time is met by the
// first call, which tries again. It leaves plain endpoints alone, which have no handshake.
func Connect(cfg aws.Config, endpoints ...string) {
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	var connecting sync.WaitGroup
	for _, endpoint := range endpoints {
		if strings.HasPrefix(endpoint, "https://") {
			connecting.Go(func() { connect(ctx, cfg.HTTPClient, endpoint) })
		}
	}
	connecting.Wait()
}

// ConnectTables is Connect to DynamoDB, which most functions call first.
func ConnectTables(cfg aws.Config, tables *dynamodb.Client) { Connect(cfg, endpointOf(tables)) }

// endpointOf is where the client sends its requests; empty if that is not known before there is one.
func endpointOf(tables *dynamodb.Client) string {
	o := tables.Options()
	if o.BaseEndpoint != nil {
		return *o.BaseEndpoint
	}
	endpoint, err := o.EndpointResolverV2.ResolveEndpoint(context.Background(),
		dynamodb.EndpointParameters{Region: &o.Region})
	if err != nil {
		return ""
	}
	return endpoint.URI.String()
}

// connect sends a request without credentials and reads the answer, whatever it is, so that the connection is idle.
func connect(ctx context.Context, client aws.HTTPClient, endpoint string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(endpoint, "/")+"/", nil)
	if err != nil {
		return
	}
	response, err := client.Do(request)
	if err != nil {
		return
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 4<<10))
}
