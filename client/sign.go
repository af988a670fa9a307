package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Sign returns an editor that signs requests with AWS Signature Version 4, for a pipeline with auth = "iam". It must
// be the last editor.
func Sign(credentials aws.CredentialsProvider, region string) RequestEditorFn {
	signer := v4.NewSigner()
	return func(ctx context.Context, request *http.Request) error {
		keys, err := credentials.Retrieve(ctx)
		if err != nil {
			return fmt.Errorf("reading AWS credentials: %w", err)
		}
		sum := sha256.New()
		if request.Body != nil {
			if request.GetBody == nil {
				return fmt.Errorf("signing a request: its body cannot be read twice")
			}
			body, err := request.GetBody()
			if err != nil {
				return fmt.Errorf("reading the body to sign it: %w", err)
			}
			if _, err := io.Copy(sum, body); err != nil {
				return fmt.Errorf("reading the body to sign it: %w", err)
			}
		}
		return signer.SignHTTP(ctx, keys, request, hex.EncodeToString(sum.Sum(nil)), "execute-api", region, time.Now())
	}
}
