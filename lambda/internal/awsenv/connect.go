package awsenv

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
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
