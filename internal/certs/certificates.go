// Package certs creates, reads, attaches and removes certificates of AWS IoT.
// It must not know devices' bundles or what a certificate is for.
package certs

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/bulk"
)

const (
	// pageSize is the largest page of the registry's lists [AWS 1.3 page size].
	pageSize = 250
	// detachLimit bounds the wait for a detachment to be seen by the deletion that follows it; AWS speaks of several
	// seconds [AWS 1.4 DetachThingPrincipal].
	detachLimit = 3 * time.Minute
)

// ClockMargin is how much older than a run a certificate may be to count as created by it: more than any difference of
// clocks that AWS's signatures allow.
const ClockMargin = time.Hour

// Client works with certificates through a pool.
type Client struct {
	clients *awsapi.Clients
	pool    *bulk.Pool
}

// New returns a client.
func New(c *awsapi.Clients, pool *bulk.Pool) *Client { return &Client{clients: c, pool: pool} }

// Certificate is what AWS returns of a new certificate.
type Certificate struct{ ID, ARN, PEM string }

// Create creates a certificate from a request, ACTIVE or INACTIVE. uncertain reports that AWS may have created another
// one whose answer was lost, also beside an error.
func (c *Client) Create(ctx context.Context, csrPEM string, active bool) (
	made Certificate, uncertain bool, err error,
) {
	in := &iot.CreateCertificateFromCsrInput{CertificateSigningRequest: &csrPEM, SetAsActive: active}
	err = c.pool.Call(ctx, "creating the certificate", func(ctx context.Context) error {
		out, err := c.clients.IoT().CreateCertificateFromCsr(ctx, in)
		if err != nil {
			uncertain = uncertain || Ambiguous(err)
			return err
		}
		uncertain = uncertain || retriedBlindly(out.ResultMetadata)
		made = Certificate{ID: aws.ToString(out.CertificateId), ARN: aws.ToString(out.CertificateArn),
			PEM: aws.ToString(out.CertificatePem)}
		return nil
	})
	return made, uncertain, err
}

// Ambiguous reports whether a request may have taken effect although it failed: AWS did not refuse it. Each repetition
// of CreateCertificateFromCsr creates another certificate.
func Ambiguous(err error) bool {
	code := awsapi.Code(err)
	return code == "" || strings.HasPrefix(code, "Internal") || strings.HasPrefix(code, "ServiceUnavailable")
}

// retriedBlindly reports whether the SDK repeated a request after an attempt that may have taken effect.
func retriedBlindly(m middleware.Metadata) bool {
	attempts, _ := retry.GetAttemptResults(m)
	return slices.ContainsFunc(attempts.Results, func(a retry.AttemptResult) bool {
		return a.Err != nil && Ambiguous(a.Err)
	})
}

// Register registers a certificate that was created elsewhere, INACTIVE.
func (c *Client) Register(ctx context.Context, certificatePEM string) (Certificate, error) {
	in := &iot.RegisterCertificateWithoutCAInput{
		CertificatePem: &certificatePEM, Status: types.CertificateStatusInactive,
	}
	out, err := bulk.Ask(ctx, c.pool, "registering the certificate",
		func(ctx context.Context) (*iot.RegisterCertificateWithoutCAOutput, error) {
			return c.clients.IoT().RegisterCertificateWithoutCA(ctx, in)
		})
	if err != nil {
		return Certificate{}, err
	}
	return Certificate{ID: aws.ToString(out.CertificateId), ARN: aws.ToString(out.CertificateArn),
		PEM: certificatePEM}, nil
}

// Describe reads a certificate. It returns nil if there is none.
func (c *Client) Describe(ctx context.Context, id string) (*types.CertificateDescription, error) {
	out, err := bulk.Ask(ctx, c.pool, "reading certificate "+id,
		func(ctx context.Context) (*iot.DescribeCertificateOutput, error) {
			return c.clients.IoT().DescribeCertificate(ctx, &iot.DescribeCertificateInput{CertificateId: &id})
		})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return out.CertificateDescription, nil
}

// Pages lists the account's certificates, newest first, everybody's included. It sends the request for a page when the
// page is needed.
func (c *Client) Pages(ctx context.Context) iter.Seq2[*iot.ListCertificatesOutput, error] {
	return func(yield func(*iot.ListCertificatesOutput, error) bool) {
		in := &iot.ListCertificatesInput{PageSize: aws.Int32(pageSize)}
		for {
			page, err := bulk.Ask(ctx, c.pool, "listing certificates",
				func(ctx context.Context) (*iot.ListCertificatesOutput, error) {
					return c.clients.IoT().ListCertificates(ctx, in)
				})
			if !yield(page, err) || err != nil || aws.ToString(page.NextMarker) == "" {
				return
			}
			in.Marker = page.NextMarker
		}
	}
}

// AllBefore reports whether all certificates of a page are older than a time, so that the pages after it are as well.
func AllBefore(page []types.Certificate, since time.Time) bool {
	return len(page) > 0 &&
		!slices.ContainsFunc(page, func(c types.Certificate) bool { return !aws.ToTime(c.CreationDate).Before(since) })
}

// SetActive sets a certificate's status; doing it twice does no harm [AWS 1.4 UpdateCertificate].
func (c *Client) SetActive(ctx context.Context, id string, active bool) error {
	status := types.CertificateStatusInactive
	if active {
		status = types.CertificateStatusActive
	}
	what := fmt.Sprintf("setting certificate %s to %s", id, status)
	return c.pool.Call(ctx, what, func(ctx context.Context) error {
		_, err := c.clients.IoT().
			UpdateCertificate(ctx, &iot.UpdateCertificateInput{CertificateId: &id, NewStatus: status})
		return err
	})
}

// Delete deletes a certificate that is INACTIVE and, once that is seen everywhere, attached to no thing; policies that
// somebody attached do not prevent it [AWS 1.4 DeleteCertificate]. Absent is success.
func (c *Client) Delete(ctx context.Context, id string) error {
	again := func(err error) bool {
		return awsapi.Is(err, "DeleteConflictException") &&
			awsapi.MessageHas(err, "Things must be detached before deletion") ||
			awsapi.Is(err, "CertificateStateException")
	}
	what := "deleting certificate " + id
	return c.pool.Call(ctx, what, func(ctx context.Context) error {
		return c.clients.Retry(ctx, what, detachLimit, again, func(ctx context.Context) error {
			_, err := c.clients.IoT().
				DeleteCertificate(ctx, &iot.DeleteCertificateInput{CertificateId: &id, ForceDelete: true})
			return ignoreNotFound(err)
		})
	})
}

func ignoreNotFound(err error) error {
	if awsapi.IsNotFound(err) {
		return nil
	}
	return err
}
