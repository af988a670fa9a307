package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/certs"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/credstore"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// What a deep check can find missing, in spec.DeviceState.Lost.
const (
	LostAttachment  = "attachment"
	LostCredentials = "credentials"
)

// readStatus sets Disabled of each finished device from its certificate, and clears CertificateID where the
// certificate is gone.
//
// The account's list of certificates gives 250 per request but holds everybody else's too; describing takes one
// request each. readStatus reads the list, newest first, for as long as that has cost less than describing what is
// still missing would; then it describes the rest. That is never more than twice the cheaper of the two, without
// knowing the account.
func (d *Driver) readStatus(ctx context.Context, devices map[string]spec.Device) error {
	missing := make(map[string]string, len(devices)) // certificate → device
	for name, device := range devices {
		if id := device.Found.CertificateID; id != "" {
			missing[id] = name
		}
	}
	set := func(id string, status types.CertificateStatus) {
		if name, ok := missing[id]; ok {
			device := devices[name]
			device.Disabled = status != types.CertificateStatusActive
			devices[name] = device
			delete(missing, id)
		}
	}
	complete, err := d.listStatus(ctx, missing, set)
	if err != nil {
		return err
	}
	if !complete {
		if err := d.describeStatus(ctx, missing, set); err != nil {
			return err
		}
	}
	for _, name := range missing { // gone
		devices[name].Found.CertificateID, devices[name].Found.CertificateSource = "", ""
	}
	return nil
}

// listStatus reads pages while that is worth it and reports whether nothing is missing any more, or the list ended.
func (d *Driver) listStatus(
	ctx context.Context, missing map[string]string, set func(string, types.CertificateStatus),
) (complete bool, err error) {
	if len(missing) == 0 {
		return true, nil
	}
	read := 0
	for page, err := range d.certs.Pages(ctx) {
		if err != nil {
			return false, err
		}
		for _, c := range page.Certificates {
			set(aws.ToString(c.CertificateId), c.Status)
		}
		if read++; aws.ToString(page.NextMarker) != "" && read >= len(missing) {
			return len(missing) == 0, nil
		}
	}
	return true, nil
}

func (d *Driver) describeStatus(
	ctx context.Context, missing map[string]string, set func(string, types.CertificateStatus),
) error {
	ids := make([]string, 0, len(missing))
	for id := range missing {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var mu sync.Mutex
	return d.pool.Each(ctx, "certificates read", ids, func(ctx context.Context, id string) error {
		c, err := d.certs.Describe(ctx, id)
		if c != nil {
			mu.Lock()
			defer mu.Unlock()
			set(id, c.Status)
		}
		return err
	})
}

// readOptional reads what only import and the deep check need. It always looks which bundles a bucket holds: one page
// lists a thousand, and all of them are gone if somebody has deleted the bucket.
func (d *Driver) readOptional(ctx context.Context, owner string, have spec.Fleet) error {
	var errs []error
	if d.opts.ReadBundles {
		errs = append(errs, d.readBundles(ctx, have))
	}
	if d.opts.DeepCheck {
		errs = append(errs, d.checkAttachments(ctx, have.Devices))
	}
	if d.opts.DeepCheck || have.Store.Kind == credstore.Bucket {
		errs = append(errs, d.checkBundles(ctx, owner, have))
	}
	return errors.Join(append(errs, d.findSecretARNs(ctx, owner, have))...)
}

// readBundles reads the requests and certificates of devices that brought their own from the bundles.
func (d *Driver) readBundles(ctx context.Context, have spec.Fleet) error {
	var names []string
	for name, device := range have.Devices {
		if s := device.Found.CertificateSource; s != "" && versionOf(s) == 0 && s != sourceNone && !adopted(s) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	from := d.open("", have.Store, nil)
	var mu sync.Mutex
	read := func(ctx context.Context, names []string) error {
		texts, err := from.Read(ctx, names)
		mu.Lock()
		defer mu.Unlock()
		for name, text := range texts {
			var b contract.Bundle
			if json.Unmarshal([]byte(text), &b) != nil {
				continue // then it is not known, as without a bundle
			}
			device := have.Devices[name]
			if strings.HasPrefix(device.Found.CertificateSource, sourceOwn) {
				device.CertificatePEM = b.CertificatePEM
			} else {
				device.CSRPEM = b.CSRPEM
			}
			have.Devices[name] = device
		}
		return err
	}
	return d.pool.EachBatch(ctx, "bundles read", credstore.Batch, names, read)
}

// checkBundles notes the devices whose bundle is gone.
func (d *Driver) checkBundles(ctx context.Context, owner string, have spec.Fleet) error {
	present, err := d.open(owner, have.Store, nil).List(ctx)
	if err != nil {
		return err
	}
	for name, device := range have.Devices {
		if _, ok := present[name]; !ok && device.Found.CertificateID != "" {
			device.Found.Lost = append(device.Found.Lost, LostCredentials)
		}
	}
	return nil
}

// checkAttachments notes the devices whose certificate is not attached to them.
func (d *Driver) checkAttachments(ctx context.Context, devices map[string]spec.Device) error {
	var names []string
	for name, device := range devices {
		if device.Found.CertificateID != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return d.pool.Each(ctx, "attachments checked", names, func(ctx context.Context, name string) error {
		principals, err := d.certs.Principals(ctx, name)
		if err != nil {
			return err
		}
		found := devices[name].Found
		if !slices.Contains(principals, certs.ARN(d.identity(name).ThingARN, found.CertificateID)) {
			found.Lost = append(found.Lost, LostAttachment)
		}
		return nil
	})
}
