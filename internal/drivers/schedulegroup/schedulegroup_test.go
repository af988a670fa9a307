package schedulegroup

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const (
	name = "greenhouse"
	arn  = "arn:aws:scheduler:us-east-1:123456789012:schedule-group/" + name
)

func TestLife(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	drivertest.Life[spec.ScheduleGroup]{
		Clients: c, Driver: New(c), Name: name, Reads: 2,
		Full: spec.ScheduleGroup{Tags: map[string]string{"team": "bay"}},
		Steps: []drivertest.Step[spec.ScheduleGroup]{
			{Why: "tags changed by hand", Fields: []string{"tags"}, Writes: []string{"TagResource", "UntagResource"},
				Drift: func(ctx context.Context) error {
					_, err := c.Scheduler().TagResource(ctx, &scheduler.TagResourceInput{ResourceArn: aws.String(arn),
						Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("x")},
							{Key: aws.String("extra"), Value: aws.String("y")}}})
					return err
				}},
			{Why: "another tag wanted", Fields: []string{"tags"}, Writes: []string{"TagResource"},
				Want: drivertest.Changing(func(s *spec.ScheduleGroup) {
					s.Tags = map[string]string{"team": "bay", "site": "north"}
				})},
		},
		Foreign: func(ctx context.Context) error {
			_, err := c.Scheduler().CreateScheduleGroup(ctx,
				&scheduler.CreateScheduleGroupInput{Name: aws.String(name)})
			return err
		},
	}.Run(t)
}

// moto deletes a group at once. AWS deletes the schedules in it first, and the name is taken until it has.
func TestAGroupThatIsBeingDeleted(t *testing.T) {
	var sent []string
	deleting := 3
	d := New(drivertest.RESTStub(t, func(call string, _ map[string]any) string {
		method, _, _ := strings.Cut(call, " ")
		sent = append(sent, method)
		state := "ACTIVE"
		if deleting > 0 {
			state = "DELETING"
		}
		if method == http.MethodGet {
			deleting--
			return `{"Name":"greenhouse","Arn":"` + arn + `","State":"` + state + `"}`
		}
		return "{}"
	}))
	ref := assembly.Ref{Name: name, ID: name, Owner: drivertest.Owner}
	if got, err := d.Observe(t.Context(), ref); got != nil || err != nil {
		t.Errorf("observing: %+v, %v; want nothing", got, err)
	}
	if err := d.Delete(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	want := []string{"GET", "DELETE", "GET", "GET", "GET"}
	if !slices.Equal(sent, want) {
		t.Errorf("sent %v, want %v", sent, want)
	}
}
