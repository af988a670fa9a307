// Package greengrassdeployment is the driver of deployments of Greengrass V2 to thing groups. It must not know what a
// component does.
//
// A group has one deployment, and a change of it is a new revision, which AWS gives another ID. So the deployment is
// found by its target.
package greengrassdeployment

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/greengrassv2"
	"github.com/aws/aws-sdk-go-v2/service/greengrassv2/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// endLimit bounds the wait until a cancelled deployment can be deleted.
const endLimit = 5 * time.Minute

// Driver reads and writes deployments. Ref.Name and Ref.ID are the name of the thing group.
type Driver struct{ c *awsapi.Clients }

// New gives the driver for the clients' account and region.
func New(c *awsapi.Clients) *Driver { return &Driver{c} }

// Observe reads the latest revision for the group, with two calls.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.Deployment], error) {
	latest, err := d.revisions(ctx, ref.Name, types.DeploymentHistoryFilterLatestOnly)
	if err != nil || len(latest) == 0 {
		return nil, err
	}
	out, err := d.c.Greengrass().GetDeployment(ctx,
		&greengrassv2.GetDeploymentInput{DeploymentId: latest[0].DeploymentId})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o := &assembly.Observed[spec.Deployment]{Identity: assembly.Identity{ID: ref.Name}, Spec: specOf(out),
		Extra: aws.ToString(out.DeploymentId)}
	o.Owner, o.Spec.Tags = ownertag.Split(out.Tags, d.c.IgnoresTag)
	return o, nil
}

func (d *Driver) target(group string) string { return d.c.ARN("iot", "thinggroup/"+group) }

// revisions lists deployments whose target is the group.
func (d *Driver) revisions(
	ctx context.Context,
	group string,
	filter types.DeploymentHistoryFilter,
) ([]types.Deployment, error) {
	var list []types.Deployment
	in := &greengrassv2.ListDeploymentsInput{TargetArn: aws.String(d.target(group)), HistoryFilter: filter}
	pages := greengrassv2.NewListDeploymentsPaginator(d.c.Greengrass().ListDeployments, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if awsapi.IsNotFound(err) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		list = append(list, page.Deployments...)
	}
	return list, nil
}

// Create makes the first revision. AWS would take it for a new revision of somebody else's deployment to the group, so
// Create looks first.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.Deployment) (assembly.Identity, error) {
	found, err := d.Observe(ctx, ref)
	if err != nil {
		return assembly.Identity{}, err
	}
	if found != nil {
		return ownertag.Resume(ctx, d, ref, want,
			fmt.Errorf("the thing group %q has the deployment %s", ref.Name, found.Extra))
	}
	if err := d.revise(ctx, ref, want); err != nil {
		return assembly.Identity{}, err
	}
	return assembly.Identity{ID: ref.Name}, nil
}

func (d *Driver) revise(ctx context.Context, ref assembly.Ref, want spec.Deployment) error {
	_, err := d.c.Greengrass().CreateDeployment(ctx, &greengrassv2.CreateDeploymentInput{
		TargetArn:           &want.TargetARN,
		DeploymentName:      &want.Name,
		Components:          components(want),
		DeploymentPolicies:  policies(want),
		IotJobConfiguration: job(want.Rollout),
		Tags:                ownertag.Tags(ref.Owner, want.Tags),
	})
	return err
}

// Update makes a new revision, unless only tags differ.
func (d *Driver) Update(
	ctx context.Context,
	ref assembly.Ref,
	have *assembly.Observed[spec.Deployment],
	want spec.Deployment,
	changes []assembly.Change,
) (assembly.Identity, error) {
	for _, c := range changes {
		if c.Field != "tags" {
			if want.Version == "" {
				want.Version = have.Spec.Version
			}
			return have.Identity, d.revise(ctx, ref, want) // with its tags
		}
	}
	id, _ := have.Extra.(string)
	arn := d.c.ARN("greengrass", "deployments:"+id)
	err := ownertag.Retag(have.Spec.Tags, want.Tags, func(add map[string]string) error {
		_, err := d.c.Greengrass().TagResource(ctx, &greengrassv2.TagResourceInput{ResourceArn: &arn, Tags: add})
		return err
	}, func(drop []string) error {
		_, err := d.c.Greengrass().
			UntagResource(ctx, &greengrassv2.UntagResourceInput{ResourceArn: &arn, TagKeys: drop})
		return err
	})
	return have.Identity, err
}

// Delete cancels the deployment and deletes all its revisions. Core devices go on with what they run
// [DeleteDeployment].
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	list, err := d.revisions(ctx, ref.Name, types.DeploymentHistoryFilterAll)
	if err != nil {
		return err
	}
	for _, r := range list {
		if r.DeploymentStatus == types.DeploymentStatusActive {
			_, err := d.c.Greengrass().CancelDeployment(ctx,
				&greengrassv2.CancelDeploymentInput{DeploymentId: r.DeploymentId})
			if err != nil && !awsapi.IsNotFound(err) && !awsapi.Is(err, "ConflictException") { // it has ended
				return fmt.Errorf("cancelling revision %s: %w", aws.ToString(r.DeploymentId), err)
			}
		}
		busy := func(err error) bool { return awsapi.Is(err, "ConflictException") }
		err := d.c.Retry(ctx, "waiting until the deployment can be deleted", endLimit, busy,
			func(ctx context.Context) error {
				_, err := d.c.Greengrass().DeleteDeployment(ctx,
					&greengrassv2.DeleteDeploymentInput{DeploymentId: r.DeploymentId})
				return err
			})
		if err != nil && !awsapi.IsNotFound(err) {
			return fmt.Errorf("deleting revision %s: %w", aws.ToString(r.DeploymentId), err)
		}
	}
	return nil
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{} }

// Diff names status (the deployment has ended), component, configuration, rollback, rollout and tags.
func (*Driver) Diff(have, want spec.Deployment) []assembly.Change {
	var changes []assembly.Change
	add := func(differs bool, field string) {
		if differs {
			changes = append(changes, assembly.Change{Field: field})
		}
	}
	add(have.Ended, "status")
	add(have.Component != want.Component || want.Version != "" && have.Version != want.Version, "component")
	add(!sameJSON(have.Configuration, want.Configuration), "configuration")
	add(have.Rollback != want.Rollback, "rollback")
	add(have.Rollout != want.Rollout, "rollout")
	add(ownertag.TagsDiffer(have.Tags, want.Tags), "tags")
	return changes
}

func sameJSON(a, b string) bool {
	left, right := canonical(a), canonical(b)
	return left != nil && bytes.Equal(left, right)
}

func canonical(text string) []byte {
	var value any
	if text == "" {
		text = "{}"
	}
	if json.Unmarshal([]byte(text), &value) != nil {
		return nil
	}
	out, err := json.Marshal(value)
	if err != nil {
		return nil
	}
	return out
}
