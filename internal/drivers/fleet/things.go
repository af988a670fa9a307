package fleet

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/bulk"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// detachLimit bounds the wait for a detachment to be seen by the deletion that follows it; AWS speaks of several
// seconds [AWS 1.4 DetachThingPrincipal].
const detachLimit = 3 * time.Minute

// createThing creates the thing. A thing that exists by now is ours if it carries our token, whatever else it carries:
// AWS answers success only to a repeated call with the same attributes [AWS 1.4 CreateThing].
func (r *run) createThing(ctx context.Context, name string, want spec.Device) (spec.Device, error) {
	first := mark{begun: r.begun.Unix()}
	if behindGateway(name) {
		first = mark{source: sourceNone}
	}
	in := &iot.CreateThingInput{
		ThingName: &name, ThingTypeName: optional(r.want.ThingType),
		AttributePayload: &types.AttributePayload{Attributes: attributesOf(r.want, want, r.owner, first)},
	}
	created := spec.Device{Attributes: want.Attributes, Gateway: want.Gateway, Found: &spec.DeviceState{
		ThingType: r.want.ThingType, CertificateSource: first.source, Begun: first.begun,
		Settled: settledByShadow(r.want, want),
	}}
	out, err := bulk.Ask(ctx, r.pool, "creating the thing", func(ctx context.Context) (*iot.CreateThingOutput, error) {
		return r.d.c.IoT().CreateThing(ctx, in)
	})
	var arn string
	switch {
	case err == nil:
		arn = aws.ToString(out.ThingArn)
	case awsapi.Is(err, "ResourceAlreadyExistsException"):
		t, describeErr := r.d.describe(ctx, name)
		switch {
		case describeErr != nil:
			return created, describeErr
		case t == nil:
			return created, err
		case t.owner != r.owner:
			return created, foreignThings(map[string]string{name: t.owner}, nil)
		case t.registered != "":
			return created, foreignThings(nil, []string{name})
		}
		created, arn = t.device(false), t.arn
	default:
		return created, err
	}
	r.d.note(name, func(id *spec.DeviceIdentity) { id.ThingARN = arn })
	return created, nil
}

// updateThing replaces the whole attribute map, ours included [AWS 1.4 UpdateThing], if the thing is still as e says,
// and writes into e how it is then. A *changedError says that a rotation has come between.
func (r *run) updateThing(ctx context.Context, name string, want spec.Device, e *spec.ThingEntry, m mark) error {
	in := &iot.UpdateThingInput{
		ThingName: &name, ThingTypeName: optional(r.want.ThingType),
		AttributePayload: &types.AttributePayload{Attributes: attributesOf(r.want, want, r.owner, m)},
	}
	for range maxTries {
		if e.Version > 0 { // one that this run has created belongs to nobody else
			in.ExpectedVersion = aws.Int64(e.Version)
		}
		err := r.pool.Call(ctx, "updating the thing", func(ctx context.Context) error {
			_, err := r.d.c.IoT().UpdateThing(ctx, in)
			return err
		})
		if err == nil {
			if e.Mark = m.String(); e.Version > 0 {
				e.Version++ // AWS counts so and does not promise it; the answer to a conflict costs two requests
			}
			return nil
		}
		if !awsapi.Is(err, "VersionConflictException") {
			return err
		}
		if written, err := r.readAgain(ctx, name, want, e, m); written || err != nil {
			return err
		}
	}
	return errKeptChanging
}

// readAgain reads a thing after a conflict of versions. It reports whether the write has taken effect: the SDK repeats
// one whose answer was lost. Somebody who has changed other attributes is no obstacle.
func (r *run) readAgain(
	ctx context.Context, name string, want spec.Device, e *spec.ThingEntry, m mark,
) (written bool, err error) {
	t, err := r.d.describe(ctx, name)
	switch {
	case err != nil:
		return false, err
	case t == nil:
		return false, errThingDeleted
	case t.owner != r.owner:
		return false, foreignThings(map[string]string{name: t.owner}, nil)
	}
	gateway := attributesOf(r.want, want, r.owner, m)[contract.GatewayAttribute]
	written = t.mark.String() == m.String() && t.thingType == r.want.ThingType && t.gateway == gateway &&
		maps.Equal(t.attributes, want.Attributes)
	if !written && t.mark.String() != e.Mark {
		return false, &changedError{t}
	}
	*e = spec.ThingEntry{Version: t.version, Mark: t.mark.String()}
	return written, nil
}

// writeMark changes the mark of a thing and nothing else, and only if the thing still has the given version.
func (r *run) writeMark(ctx context.Context, name string, m mark, version int64) error {
	in := &iot.UpdateThingInput{ThingName: &name, ExpectedVersion: &version,
		AttributePayload: &types.AttributePayload{
			Attributes: map[string]string{contract.CertificateAttribute: m.String()}, Merge: true,
		}}
	return r.pool.Call(ctx, "marking the thing", func(ctx context.Context) error {
		_, err := r.d.c.IoT().UpdateThing(ctx, in)
		return err
	})
}

func (r *run) joinGroup(ctx context.Context, name string) error {
	in := &iot.AddThingToThingGroupInput{ThingGroupName: &r.want.ThingGroup, ThingName: &name}
	what := fmt.Sprintf("adding the thing to thing group %q", r.want.ThingGroup)
	return r.pool.Call(ctx, what, func(ctx context.Context) error {
		_, err := r.d.c.IoT().AddThingToThingGroup(ctx, in)
		return err
	})
}

func (r *run) leaveGroup(ctx context.Context, name string) error {
	in := &iot.RemoveThingFromThingGroupInput{ThingGroupName: &r.have.ThingGroup, ThingName: &name}
	what := fmt.Sprintf("removing the thing from thing group %q", r.have.ThingGroup)
	return r.pool.Call(ctx, what, func(ctx context.Context) error {
		if _, err := r.d.c.IoT().RemoveThingFromThingGroup(ctx, in); !awsapi.IsNotFound(err) {
			return err
		}
		return nil
	})
}

// deleteThing deletes a thing. What is still attached to it is either being detached, which deleteThing waits for, or
// a principal that is not ours, which it detaches: a device owns what is attached to it alone.
func (r *run) deleteThing(ctx context.Context, name string) error {
	again := func(err error) bool {
		return awsapi.Is(err, "InvalidRequestException") &&
			awsapi.MessageHas(err, "still attached to one or more principals")
	}
	tries := 0
	return r.pool.Call(ctx, "deleting the thing", func(ctx context.Context) error {
		return r.d.c.Retry(ctx, "deleting the thing", detachLimit, again, func(ctx context.Context) error {
			if tries++; tries > 1 {
				if err := r.stripThing(ctx, name); err != nil {
					return err
				}
			}
			_, err := r.d.c.IoT().DeleteThing(ctx, &iot.DeleteThingInput{ThingName: &name})
			if awsapi.IsNotFound(err) {
				return nil
			}
			return err
		})
	})
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
