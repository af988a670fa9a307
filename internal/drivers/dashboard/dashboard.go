// Package dashboard is the driver of CloudWatch dashboards. It must not know what a dashboard shows.
package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// Driver reads and writes dashboards. Ref.ID is the dashboard's name, which all regions of the account share.
type Driver struct{ c *awsapi.Clients }

// New gives the driver for the clients' account.
func New(c *awsapi.Clients) *Driver { return &Driver{c} }

// Observe reads a dashboard; its tags only before it is recorded and for full reads.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.Dashboard], error) {
	out, err := d.c.CloudWatch().GetDashboard(ctx, &cloudwatch.GetDashboardInput{DashboardName: &ref.Name})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o := &assembly.Observed[spec.Dashboard]{Identity: d.identity(ref.Name),
		Spec: spec.Dashboard{Body: aws.ToString(out.DashboardBody)}}
	if ref.Brief() {
		o.Owner = ref.Owner
		return o, nil
	}
	all, err := d.tags(ctx, o.ARN)
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading its tags: %w", err)
	}
	o.Owner, o.Spec.Tags = ownertag.Split(all, d.c.IgnoresTag)
	return o, nil
}

// Owner implements [assembly.OwnerReader] with one call.
func (d *Driver) Owner(ctx context.Context, ref assembly.Ref) (token string, exists bool, err error) {
	tags, err := d.tags(ctx, d.identity(ref.Name).ARN)
	return ownertag.Owner(tags, awsapi.IsNotFound(err), err)
}

func (d *Driver) tags(ctx context.Context, arn string) (map[string]string, error) {
	out, err := d.c.CloudWatch().ListTagsForResource(ctx, &cloudwatch.ListTagsForResourceInput{ResourceARN: &arn})
	if err != nil {
		return nil, err
	}
	return ownertag.Map(out.Tags, func(t types.Tag) (key, value *string) { return t.Key, t.Value }), nil
}

// identity predicts the ARN, which has no region [CloudWatch API TagResource].
func (d *Driver) identity(name string) assembly.Identity {
	return assembly.Identity{ID: name,
		ARN: fmt.Sprintf("arn:%s:cloudwatch::%s:dashboard/%s", d.c.Partition(), d.c.AccountID(), name)}
}

// Create makes the dashboard with its tags in one call. PutDashboard would replace a dashboard of the same name,
// whoever made it, so it is looked for first.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.Dashboard) (assembly.Identity, error) {
	have, err := d.Observe(ctx, ref)
	if err != nil {
		return assembly.Identity{}, fmt.Errorf("looking for a dashboard of the name: %w", err)
	}
	if have != nil {
		return ownertag.Resume(ctx, d, ref, want, fmt.Errorf("there is a dashboard called %q", ref.Name))
	}
	if err := d.put(ctx, ref.Name, want, newTags(ownertag.Tags(ref.Owner, want.Tags))); err != nil {
		return assembly.Identity{}, err
	}
	return d.identity(ref.Name), nil
}

func (d *Driver) put(ctx context.Context, name string, want spec.Dashboard, tags []types.Tag) error {
	out, err := d.c.CloudWatch().PutDashboard(ctx,
		&cloudwatch.PutDashboardInput{DashboardName: &name, DashboardBody: &want.Body, Tags: tags})
	if err != nil {
		return err
	}
	return complaint(out.DashboardValidationMessages)
}

// complaint makes an error of what CloudWatch says of a body that it kept and does not fully understand.
func complaint(messages []types.DashboardValidationMessage) error {
	if len(messages) == 0 {
		return nil
	}
	texts := make([]string, 0, len(messages))
	for _, m := range messages {
		texts = append(texts, aws.ToString(m.DataPath)+": "+aws.ToString(m.Message))
	}
	return errors.New("CloudWatch does not understand parts of the dashboard, which is a bug in the provider: " +
		strings.Join(texts, "; "))
}

func newTags(tags map[string]string) []types.Tag {
	return ownertag.List(tags, func(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} })
}

// Update replaces the body with one call, which keeps the tags, and writes the tags.
func (d *Driver) Update(
	ctx context.Context,
	ref assembly.Ref,
	have *assembly.Observed[spec.Dashboard],
	want spec.Dashboard,
	changes []assembly.Change,
) (assembly.Identity, error) {
	has := func(field string) bool {
		return slices.ContainsFunc(changes, func(c assembly.Change) bool { return c.Field == field })
	}
	if has("body") {
		if err := d.put(ctx, ref.Name, want, nil); err != nil {
			return have.Identity, err
		}
	}
	if !has("tags") {
		return have.Identity, nil
	}
	return have.Identity, ownertag.Retag(have.Spec.Tags, want.Tags, func(set map[string]string) error {
		_, err := d.c.CloudWatch().TagResource(ctx,
			&cloudwatch.TagResourceInput{ResourceARN: &have.ARN, Tags: newTags(set)})
		return err
	}, func(keys []string) error {
		_, err := d.c.CloudWatch().UntagResource(ctx,
			&cloudwatch.UntagResourceInput{ResourceARN: &have.ARN, TagKeys: keys})
		return err
	})
}

// Delete removes the dashboard.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	_, err := d.c.CloudWatch().DeleteDashboards(ctx,
		&cloudwatch.DeleteDashboardsInput{DashboardNames: []string{ref.Name}})
	if awsapi.IsNotFound(err) {
		return nil
	}
	return err
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{} }

// Diff compares bodies by meaning: who saves a dashboard in the console rewrites its white space and order of members.
func (*Driver) Diff(have, want spec.Dashboard) []assembly.Change {
	var changes []assembly.Change
	if !sameJSON(have.Body, want.Body) {
		changes = append(changes, assembly.Change{Field: "body"})
	}
	if ownertag.TagsDiffer(have.Tags, want.Tags) {
		changes = append(changes, assembly.Change{Field: "tags"})
	}
	return changes
}

func sameJSON(a, b string) bool {
	if a == b {
		return true
	}
	var left, right any
	if json.Unmarshal([]byte(a), &left) != nil || json.Unmarshal([]byte(b), &right) != nil {
		return false
	}
	return reflect.DeepEqual(left, right)
}
