// Package thingtype knows AWS IoT thing types. It must not know which things
// are of a type.
package thingtype

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/iottags"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// deletionTimeout is the five minutes between deprecation and deletion, and one to spare [AWS 1.4 DeleteThingType].
const deletionTimeout = 6 * time.Minute

// Driver implements assembly.Driver and assembly.Retirer for thing types; the ID is the type's name.
type Driver struct {
	c       *awsapi.Clients
	retired sync.Map // names of types that Retire has found or made deprecated
}

// New makes a driver that works with c.
func New(c *awsapi.Clients) *Driver { return &Driver{c: c} }

// Observe reads the type; its tags only before it is recorded and for full reads.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.ThingType], error) {
	out, err := d.c.IoT().DescribeThingType(ctx, &iot.DescribeThingTypeInput{ThingTypeName: &ref.Name})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o := &assembly.Observed[spec.ThingType]{Identity: identity(out.ThingTypeName, out.ThingTypeArn)}
	if p := out.ThingTypeProperties; p != nil {
		o.Spec.Description = aws.ToString(p.ThingTypeDescription)
	}
	o.Spec.Deprecated = out.ThingTypeMetadata != nil && out.ThingTypeMetadata.Deprecated
	o.Owner, o.Spec.Tags, err = iottags.Observe(ctx, d.c, ref, o.ARN)
	return o, err
}

// Owner implements [assembly.OwnerReader] with one call.
func (d *Driver) Owner(ctx context.Context, ref assembly.Ref) (token string, exists bool, err error) {
	return iottags.Owner(ctx, d.c, d.c.ARN("iot", "thingtype/"+ref.Name))
}

// Create makes the type with its tags. As with groups, success may mean that an equal type exists already, so Create
// confirms the owner.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.ThingType) (assembly.Identity, error) {
	out, err := d.c.IoT().CreateThingType(ctx, &iot.CreateThingTypeInput{
		ThingTypeName:       &ref.Name,
		ThingTypeProperties: properties(want),
		Tags:                iottags.WithOwner(ref.Owner, want.Tags),
	})
	if awsapi.Is(err, "ResourceAlreadyExistsException") {
		return ownertag.Resume(ctx, d, ref, want, err)
	}
	if err != nil {
		return assembly.Identity{}, err
	}
	return iottags.ConfirmOwner(ctx, d.c, ref.Owner, identity(out.ThingTypeName, out.ThingTypeArn))
}

// Update changes the description and the tags, and takes a deprecation back.
func (d *Driver) Update(
	ctx context.Context,
	ref assembly.Ref,
	have *assembly.Observed[spec.ThingType],
	want spec.ThingType,
	changes []assembly.Change,
) (assembly.Identity, error) {
	for _, c := range changes {
		var err error
		switch c.Field {
		case "description":
			_, err = d.c.IoT().UpdateThingType(ctx,
				&iot.UpdateThingTypeInput{ThingTypeName: &ref.Name, ThingTypeProperties: properties(want)})
		case "deprecated":
			_, err = d.c.IoT().DeprecateThingType(ctx,
				&iot.DeprecateThingTypeInput{ThingTypeName: &ref.Name, UndoDeprecate: true})
		case "tags":
			err = iottags.Update(ctx, d.c, have.ARN, have.Spec.Tags, want.Tags)
		default:
			err = ownertag.Unknown(c)
		}
		if err != nil {
			return have.Identity, err
		}
	}
	return have.Identity, nil
}

// Retire deprecates the type, which starts the five minutes that AWS wants to pass before its deletion. A type that is
// deprecated already is left alone, so that its time does not start again.
func (d *Driver) Retire(ctx context.Context, ref assembly.Ref) error {
	out, err := d.c.IoT().DescribeThingType(ctx, &iot.DescribeThingTypeInput{ThingTypeName: &ref.Name})
	if err == nil && (out.ThingTypeMetadata == nil || !out.ThingTypeMetadata.Deprecated) {
		_, err = d.c.IoT().DeprecateThingType(ctx, &iot.DeprecateThingTypeInput{ThingTypeName: &ref.Name})
	}
	if awsapi.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("deprecating it: %w", err)
	}
	d.retired.Store(ref.Name, true)
	return nil
}

// Delete removes the type, which Retire has deprecated or else is deprecated now, and waits as long as AWS makes it
// wait.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	if _, done := d.retired.LoadAndDelete(ref.Name); !done {
		if err := d.Retire(ctx, ref); err != nil {
			return err
		}
	}
	err := d.c.Retry(ctx, "waiting until AWS lets the deprecated thing type go", deletionTimeout,
		func(err error) bool {
			return awsapi.Is(err, "InvalidRequestException") &&
				awsapi.MessageHas(err, "Please wait for 5 minutes after deprecation")
		},
		func(ctx context.Context) error {
			_, err := d.c.IoT().DeleteThingType(ctx, &iot.DeleteThingTypeInput{ThingTypeName: &ref.Name})
			return err
		})
	if awsapi.IsNotFound(err) {
		return nil
	}
	return err
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{} }

// Diff names description, deprecated and tags.
func (d *Driver) Diff(have, want spec.ThingType) []assembly.Change {
	var changes []assembly.Change
	if have.Deprecated != want.Deprecated {
		changes = append(changes, assembly.Change{Field: "deprecated"})
	}
	if have.Description != want.Description {
		changes = append(changes, assembly.Change{Field: "description"})
	}
	if ownertag.TagsDiffer(have.Tags, want.Tags) {
		changes = append(changes, assembly.Change{Field: "tags"})
	}
	return changes
}

func properties(want spec.ThingType) *types.ThingTypeProperties {
	return &types.ThingTypeProperties{ThingTypeDescription: &want.Description}
}

func identity(name, arn *string) assembly.Identity {
	return assembly.Identity{ID: aws.ToString(name), ARN: aws.ToString(arn)}
}
