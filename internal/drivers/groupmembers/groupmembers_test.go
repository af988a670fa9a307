package groupmembers

import (
	"context"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/thinggroup"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const name = "greenhouse-gateways"

// prepare makes the group, of the owner, and some things.
func prepare(t *testing.T, c *awsapi.Clients, owner string) {
	t.Helper()
	ref := assembly.Ref{Name: name, Owner: owner}
	if _, err := thinggroup.New(c).Create(t.Context(), ref, spec.ThingGroup{Description: "gateways"}); err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		_, err := c.IoT().CreateThing(t.Context(), &iot.CreateThingInput{ThingName: aws.String(fmt.Sprintf("gw-%d", i))})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestLife(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	prepare(t, c, drivertest.Owner)
	drivertest.Life[spec.GroupMembers]{
		Clients: c, Driver: New(c), Name: name, Reads: 1, Ownerless: true,
		Full: spec.GroupMembers{Things: []string{"gw-0", "gw-1"}},
		Steps: []drivertest.Step[spec.GroupMembers]{
			{Why: "changed by hand", Fields: []string{"things"},
				Writes: []string{"AddThingToThingGroup", "RemoveThingFromThingGroup"},
				Drift: func(ctx context.Context) error {
					_, err := c.IoT().AddThingToThingGroup(ctx, &iot.AddThingToThingGroupInput{
						ThingGroupName: aws.String(name), ThingName: aws.String("gw-3")})
					if err != nil {
						return err
					}
					_, err = c.IoT().RemoveThingFromThingGroup(ctx, &iot.RemoveThingFromThingGroupInput{
						ThingGroupName: aws.String(name), ThingName: aws.String("gw-0")})
					return err
				}},
			{Why: "others wanted", Fields: []string{"things"},
				Writes: []string{"AddThingToThingGroup", "RemoveThingFromThingGroup"},
				Want:   drivertest.Changing(func(s *spec.GroupMembers) { s.Things = []string{"gw-1", "gw-2"} })},
			{Why: "a thing deleted", Fields: []string{"things"}, Writes: []string{"AddThingToThingGroup"},
				Drift: func(ctx context.Context) error {
					if _, err := c.IoT().DeleteThing(ctx, &iot.DeleteThingInput{ThingName: aws.String("gw-2")}); err != nil {
						return err
					}
					_, err := c.IoT().CreateThing(ctx, &iot.CreateThingInput{ThingName: aws.String("gw-2")})
					return err
				}},
		},
	}.Run(t)
}

func TestMembersAreWhoseTheGroupIs(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	prepare(t, c, drivertest.Other)
	d := New(c)
	mine := assembly.Ref{Name: name, Owner: drivertest.Owner}
	if got, err := d.Observe(t.Context(), mine); err != nil || got != nil {
		t.Fatalf("an empty group has the members %+v, %v", got, err)
	}
	if token, exists, err := d.Owner(t.Context(), mine); err != nil || !exists || token != drivertest.Other {
		t.Errorf("the owner is %q, %v, %v", token, exists, err)
	}
	if _, err := d.Create(t.Context(), mine, spec.GroupMembers{Things: []string{"gw-0"}}); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Observe(t.Context(), mine); err != nil || got == nil || got.Owner != drivertest.Other {
		t.Errorf("observed %+v, %v; want the owner of the group", got, err)
	}
}

// TestHalf: what a failed run has done is recorded, so that the next one goes on.
func TestHalf(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	prepare(t, c, drivertest.Owner)
	ref := assembly.Ref{Name: name, Owner: drivertest.Owner}
	id, err := New(c).Create(t.Context(), ref, spec.GroupMembers{Things: []string{"gw-0", "nobody"}})
	if err == nil || id.ID != name {
		t.Errorf("%+v, %v; want the group and an error", id, err)
	}
	if id, err = New(c).Create(t.Context(), ref, spec.GroupMembers{Things: []string{"nobody"}}); err == nil || id.ID != "" {
		t.Errorf("%+v, %v; want an error only", id, err)
	}
}
