package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
)

// detachLimit bounds the wait for a detachment to be seen by the deletions that follow it; AWS speaks of several seconds
// [AWS 1.4 DetachThingPrincipal].
const detachLimit = 3 * time.Minute

// removalWidth is how many times more devices are removed at the same time than are made: each waits seconds for its
// detachment without a request, and ten a second are to be finished.
const removalWidth = 4

// batch is how many devices are removed in step: as many bundles as one request deletes [AWS DeleteParameters].
const batch = 10

// removeAll removes devices: certificates first, then bundles, things last, so that an interruption leaves a thing in
// the list from which the next apply goes on.
func (r *run) removeAll(ctx context.Context, names []string) error {
	if len(names) == 0 {
		return nil
	}
	s := &removal{run: r, total: len(names)}
	r.pool = newPool(max(1, r.d.opts.Concurrency*removalWidth/batch), nil) // progress is told per device, not per batch
	err := eachBatch(ctx, r.pool, "devices removed", names, s.group)
	var stopped *DevicesError
	if errors.As(err, &stopped) && stopped.Cause != nil || len(s.failed) > 0 {
		e := &DevicesError{What: "devices removed", Total: s.total, Done: s.done, Errors: s.failed}
		if stopped != nil {
			e.Cause = stopped.Cause
		}
		slices.SortFunc(e.Errors, func(a, b *DeviceError) int { return strings.Compare(a.Device, b.Device) })
		return e
	}
	return err
}

// removal is one removeAll.
type removal struct {
	*run
	total int

	mu     sync.Mutex
	done   int
	failed []*DeviceError
}

// group removes up to batch devices. Errors are noted for each device; what is returned is an interruption.
func (s *removal) group(ctx context.Context, names []string) error {
	names, err := s.together(ctx, names, s.disconnect)
	if err != nil || len(names) == 0 {
		return err
	}
	if err := s.pool.call(ctx, "deleting credentials bundles", func(ctx context.Context) error { return s.store.remove(ctx, names) }); err != nil {
		return s.fail(ctx, names, err)
	}
	_, err = s.together(ctx, names, func(ctx context.Context, name string) error {
		if err := s.deleteThing(ctx, name); err != nil {
			return err
		}
		s.d.forget(name)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.done++
		if s.d.opts.Progress != nil {
			s.d.opts.Progress(s.done, s.total, "devices removed")
		}
		return nil
	})
	return err
}

// together does something for some devices at once, and gives those that went well and an interruption.
func (s *removal) together(ctx context.Context, names []string, do func(context.Context, string) error) ([]string, error) {
	errs := make([]error, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() { errs[i] = guard(ctx, name, do) })
	}
	wg.Wait()
	var good []string
	for i, name := range names {
		if errs[i] == nil {
			good = append(good, name)
			continue
		}
		if err := s.fail(ctx, []string{name}, errs[i]); err != nil {
			return nil, err
		}
	}
	return good, nil
}

// fail notes an error for each of the devices; an interruption is returned and not noted.
func (s *removal) fail(ctx context.Context, names []string, err error) error {
	if interruption(ctx, err) != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range names {
		s.failed = append(s.failed, &DeviceError{Device: name, Err: err})
	}
	return nil
}

// disconnect takes a device's certificates away from it.
func (r *run) disconnect(ctx context.Context, name string) error {
	var ids []string
	m := markOf(r.have.Devices[name])
	if m.id != "" {
		ids = append([]string{m.id}, m.retired...)
	}
	if id := r.d.identity(name).CertificateID; id != "" && !slices.Contains(ids, id) {
		ids = append(ids, id)
	}
	if len(ids) == 0 || m.pending {
		r.noteStale() // an earlier run ended between a certificate's creation and anything that points to it
	}
	for _, id := range ids {
		if err := r.dismantle(ctx, name, id); err != nil {
			return err
		}
	}
	return r.leaveGroup(ctx, name)
}

func (r *run) leaveGroup(ctx context.Context, name string) error {
	in := &iot.RemoveThingFromThingGroupInput{ThingGroupName: aws.String(r.have.ThingGroup), ThingName: aws.String(name)}
	return r.pool.call(ctx, "removing the thing from its group", func(ctx context.Context) error {
		if _, err := r.d.aws.IoT().RemoveThingFromThingGroup(ctx, in); err != nil && !awsapi.IsNotFound(err) {
			return fmt.Errorf("removing the thing from thing group %q: %w", r.have.ThingGroup, err)
		}
		return nil
	})
}

// dismantle deactivates, detaches and deletes a certificate of a device. One that other things use as well is left
// untouched; the error is an *InUseError then. Absent is success.
func (r *run) dismantle(ctx context.Context, name, id string) error {
	arn := certificateARN(r.d.thingARN(name), id)
	things, err := r.d.users(ctx, arn)
	if err != nil {
		return err
	}
	attachedHere := slices.Contains(things, name)
	if others := slices.DeleteFunc(things, func(t string) bool { return t == name }); len(others) > 0 {
		return &InUseError{CertificateID: id, Things: others}
	}
	if err := r.setActive(ctx, id, false); err != nil {
		if awsapi.IsNotFound(err) {
			return nil
		}
		return err
	}
	if attachedHere {
		if err := r.detach(ctx, name, arn); err != nil {
			return err
		}
	}
	return r.deleteCertificate(ctx, id)
}

func (r *run) detach(ctx context.Context, name, principal string) error {
	in := &iot.DetachThingPrincipalInput{ThingName: aws.String(name), Principal: aws.String(principal)}
	return r.pool.call(ctx, "detaching the certificate", func(ctx context.Context) error {
		if _, err := r.d.aws.IoT().DetachThingPrincipal(ctx, in); err != nil && !awsapi.IsNotFound(err) {
			return fmt.Errorf("detaching %s: %w", principal, err)
		}
		return nil
	})
}

// deleteCertificate deletes a certificate that is INACTIVE and, once that is seen everywhere, attached to no thing;
// policies that somebody attached do not keep it [AWS 1.4 DeleteCertificate].
func (r *run) deleteCertificate(ctx context.Context, id string) error {
	again := func(err error) bool {
		return awsapi.Is(err, "DeleteConflictException") && awsapi.MessageHas(err, "Things must be detached before deletion") ||
			awsapi.Is(err, "CertificateStateException")
	}
	return r.pool.call(ctx, "deleting the certificate", func(ctx context.Context) error {
		return awsapi.Retry(ctx, "deleting certificate "+id, detachLimit, again, func(ctx context.Context) error {
			_, err := r.d.aws.IoT().DeleteCertificate(ctx, &iot.DeleteCertificateInput{CertificateId: aws.String(id), ForceDelete: true})
			if err != nil && !awsapi.IsNotFound(err) {
				return fmt.Errorf("deleting certificate %s: %w", id, err)
			}
			return nil
		})
	})
}

// deleteThing deletes a thing. What still hangs on it then is either a detachment that is on its way or a principal that
// is not ours: the former is waited for, the latter taken off, as a device owns what is attached to it alone.
func (r *run) deleteThing(ctx context.Context, name string) error {
	again := func(err error) bool {
		return awsapi.Is(err, "InvalidRequestException") && awsapi.MessageHas(err, "still attached to one or more principals")
	}
	tries := 0
	return r.pool.call(ctx, "deleting the thing", func(ctx context.Context) error {
		return awsapi.Retry(ctx, "deleting the thing", detachLimit, again, func(ctx context.Context) error {
			if tries++; tries > 1 {
				if err := r.stripThing(ctx, name); err != nil {
					return err
				}
			}
			_, err := r.d.aws.IoT().DeleteThing(ctx, &iot.DeleteThingInput{ThingName: aws.String(name)})
			if err != nil && !awsapi.IsNotFound(err) {
				return fmt.Errorf("deleting the thing: %w", err)
			}
			return nil
		})
	})
}

// stripThing takes every principal off a thing; certificates go with it.
func (r *run) stripThing(ctx context.Context, name string) error {
	principals, err := r.d.attached(ctx, name)
	if err != nil {
		return err
	}
	for _, principal := range principals {
		id, ok := certificateIn(principal)
		if !ok {
			err = r.detach(ctx, name, principal) // a Cognito identity
		} else {
			err = r.dismantle(ctx, name, id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
