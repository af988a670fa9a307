package fleet

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/object"
)

// readStatus sets Disabled of each finished device to what its certificate is, and clears CertificateID where the
// certificate is gone.
//
// The account's list of certificates gives 250 per request but holds those of everybody else too; describing takes one
// request each. The list is read, newest first, for as long as it has cost less than describing what is still missing
// would; then the rest is described. That is never more than twice the better of the two, without knowing the account.
func (d *Driver) readStatus(ctx context.Context, devices map[string]object.Device) error {
	wanted := make(map[string]string, len(devices)) // certificate → device
	for name, device := range devices {
		if id := device.Found.CertificateID; id != "" {
			wanted[id] = name
		}
	}
	set := func(id string, status types.CertificateStatus) {
		if name, ok := wanted[id]; ok {
			device := devices[name]
			device.Disabled = status != types.CertificateStatusActive
			devices[name] = device
			delete(wanted, id)
		}
	}
	complete, err := d.listStatus(ctx, wanted, set)
	if err != nil {
		return err
	}
	if !complete {
		if err := d.describeStatus(ctx, wanted, set); err != nil {
			return err
		}
	}
	for _, name := range wanted {
		devices[name].Found.CertificateID = "" // gone
		devices[name].Found.CertificateSource = ""
	}
	return nil
}

// listStatus reads pages while that is worth it and reports whether the list came to its end or nothing is missing any more.
func (d *Driver) listStatus(ctx context.Context, wanted map[string]string, set func(string, types.CertificateStatus)) (bool, error) {
	in := &iot.ListCertificatesInput{PageSize: aws.Int32(pageSize)}
	for pages := 0; pages < len(wanted); pages++ {
		page, err := d.certificatePage(ctx, in)
		if err != nil {
			return false, err
		}
		for _, c := range page.Certificates {
			set(aws.ToString(c.CertificateId), c.Status)
		}
		if aws.ToString(page.NextMarker) == "" {
			return true, nil
		}
		in.Marker = page.NextMarker
	}
	return len(wanted) == 0, nil
}

func (d *Driver) certificatePage(ctx context.Context, in *iot.ListCertificatesInput) (*iot.ListCertificatesOutput, error) {
	return ask(ctx, d.pool, "listing certificates", func(ctx context.Context) (*iot.ListCertificatesOutput, error) {
		return d.aws.IoT().ListCertificates(ctx, in)
	})
}

func (d *Driver) describeStatus(ctx context.Context, wanted map[string]string, set func(string, types.CertificateStatus)) error {
	ids := make([]string, 0, len(wanted))
	for id := range wanted {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var mu sync.Mutex
	return d.pool.each(ctx, "certificates read", ids, func(ctx context.Context, id string) error {
		c, err := d.certificate(ctx, id)
		if c != nil {
			mu.Lock()
			defer mu.Unlock()
			set(id, c.Status)
		}
		return err
	})
}

// certificate reads one certificate, or gives nil.
func (d *Driver) certificate(ctx context.Context, id string) (*types.CertificateDescription, error) {
	out, err := ask(ctx, d.pool, "reading certificate "+id, func(ctx context.Context) (*iot.DescribeCertificateOutput, error) {
		return d.aws.IoT().DescribeCertificate(ctx, &iot.DescribeCertificateInput{CertificateId: aws.String(id)})
	})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return out.CertificateDescription, nil
}

// attached gives the principals of a thing; none when it does not exist.
func (d *Driver) attached(ctx context.Context, name string) ([]string, error) {
	var principals []string
	in := &iot.ListThingPrincipalsInput{ThingName: aws.String(name), MaxResults: aws.Int32(pageSize)}
	for pages := iot.NewListThingPrincipalsPaginator(d.aws.IoT(), in); pages.HasMorePages(); {
		page, err := ask(ctx, d.pool, fmt.Sprintf("listing principals of thing %q", name),
			func(ctx context.Context) (*iot.ListThingPrincipalsOutput, error) { return pages.NextPage(ctx) })
		if awsapi.IsNotFound(err) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		principals = append(principals, page.Principals...)
	}
	return principals, nil
}

// users gives the things that a certificate is attached to; none when it does not exist.
func (d *Driver) users(ctx context.Context, certificateARN string) ([]string, error) {
	var things []string
	in := &iot.ListPrincipalThingsInput{Principal: aws.String(certificateARN), MaxResults: aws.Int32(pageSize)}
	for pages := iot.NewListPrincipalThingsPaginator(d.aws.IoT(), in); pages.HasMorePages(); {
		page, err := ask(ctx, d.pool, fmt.Sprintf("listing things of certificate %q", certificateARN),
			func(ctx context.Context) (*iot.ListPrincipalThingsOutput, error) { return pages.NextPage(ctx) })
		if awsapi.IsNotFound(err) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		things = append(things, page.Things...)
	}
	return things, nil
}

// checkAttachments notes the devices whose certificate is not attached to them.
func (d *Driver) checkAttachments(ctx context.Context, devices map[string]object.Device) error {
	var names []string
	for name, device := range devices {
		if device.Found.CertificateID != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return d.pool.each(ctx, "attachments checked", names, func(ctx context.Context, name string) error {
		principals, err := d.attached(ctx, name)
		if err != nil {
			return err
		}
		found := devices[name].Found
		if !slices.Contains(principals, certificateARN(d.identity(name).ThingARN, found.CertificateID)) {
			found.Lost = append(found.Lost, LostAttachment)
		}
		return nil
	})
}

// sweepMargin is how much older than this run a certificate may be for the sweep of certificates that this run may have
// made without knowing: more than any difference of clocks that AWS's signatures allow.
const sweepMargin = time.Hour

// sweep removes certificates that were made for this pipeline, are INACTIVE and hang on nothing: what is left when the
// answer of a creation was lost. It runs only when that may have happened.
func (r *run) sweep(ctx context.Context) error {
	needed, since := r.sweepNeeded()
	if !needed {
		return nil
	}
	candidates, err := r.sweepCandidates(ctx, since)
	if err != nil {
		return fmt.Errorf("looking for certificates that were made and lost: %w", err)
	}
	return r.pool.each(ctx, "possibly lost certificates looked at", candidates, r.sweepOne)
}

func (r *run) sweepCandidates(ctx context.Context, since time.Time) ([]string, error) {
	known := map[string]bool{}
	for _, id := range r.d.Identities() {
		known[id.CertificateID] = true
	}
	var candidates []string
	in := &iot.ListCertificatesInput{PageSize: aws.Int32(pageSize)}
	for {
		page, err := r.d.certificatePage(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, c := range page.Certificates {
			if c.Status == types.CertificateStatusInactive && !known[aws.ToString(c.CertificateId)] && !aws.ToTime(c.CreationDate).Before(since) {
				candidates = append(candidates, aws.ToString(c.CertificateId))
			}
		}
		if aws.ToString(page.NextMarker) == "" {
			return candidates, nil
		}
		in.Marker = page.NextMarker
	}
}

func (r *run) sweepOne(ctx context.Context, id string) error {
	c, err := r.d.certificate(ctx, id)
	if err != nil || c == nil || !r.madeForUs(aws.ToString(c.CertificatePem)) {
		return err
	}
	things, err := r.d.users(ctx, aws.ToString(c.CertificateArn))
	if err != nil || len(things) > 0 {
		return err
	}
	return r.deleteCertificate(ctx, id)
}
