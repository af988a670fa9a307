// Package iamrole knows IAM roles with inline policies. It must not know what a
// policy allows, nor who assumes a role.
package iamrole

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"golang.org/x/sync/errgroup"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi/policyjson"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// propagationTimeout bounds the wait until all of IAM knows of a change that another part of it has confirmed [AWS
// 2.2].
const propagationTimeout = 2 * time.Minute

// policiesOutput keeps the names of the inline policies, parted by spaces, which no name can hold: with them a role is
// read in two calls, and deleted without listing.
const policiesOutput = "policies"

// Driver implements assembly.Driver for roles; the ID is the role's name.
type Driver struct{ c *awsapi.Clients }

// New makes a driver that works with c.
func New(c *awsapi.Clients) *Driver { return &Driver{c: c} }

// Observe reads the role and the inline policies that are recorded; before the role is recorded, and for full reads, it
// reads all there are.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.Role], error) {
	var out *iam.GetRoleOutput
	var inline map[string]string
	calls, callCtx := errgroup.WithContext(ctx)
	calls.Go(func() (err error) {
		out, err = d.c.IAM().GetRole(callCtx, &iam.GetRoleInput{RoleName: &ref.Name})
		return err
	})
	calls.Go(func() (err error) {
		names := recorded(ref)
		if len(names) == 0 || ref.Full {
			if names, err = d.policyNames(callCtx, ref.Name); err != nil {
				return err
			}
		}
		inline, err = d.policies(callCtx, ref.Name, names)
		return err
	})
	err := calls.Wait()
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	trust, err := decode(out.Role.AssumeRolePolicyDocument)
	if err != nil {
		return nil, fmt.Errorf("reading its trust policy: %w", err)
	}
	o := &assembly.Observed[spec.Role]{Identity: identity(out.Role, inline)}
	o.Spec = spec.Role{
		Description: aws.ToString(out.Role.Description),
		Path:        aws.ToString(out.Role.Path),
		Trust:       trust,
		Inline:      inline,
	}
	if b := out.Role.PermissionsBoundary; b != nil {
		o.Spec.Boundary = aws.ToString(b.PermissionsBoundaryArn)
	}
	o.Owner, o.Spec.Tags = ownertag.Split(tagsOf(out.Role), d.c.IgnoresTag)
	return o, nil
}

// Owner implements [assembly.OwnerReader] with one call.
func (d *Driver) Owner(ctx context.Context, ref assembly.Ref) (token string, exists bool, err error) {
	out, err := d.c.IAM().GetRole(ctx, &iam.GetRoleInput{RoleName: &ref.Name})
	if err != nil {
		return ownertag.Owner(nil, awsapi.IsNotFound(err), err)
	}
	return ownertag.Owner(tagsOf(out.Role), false, nil)
}

func tagsOf(role *types.Role) map[string]string {
	return ownertag.Map(role.Tags, func(t types.Tag) (key, value *string) { return t.Key, t.Value })
}

func (d *Driver) policyNames(ctx context.Context, role string) ([]string, error) {
	var names []string
	pages := iam.NewListRolePoliciesPaginator(d.c.IAM().ListRolePolicies, &iam.ListRolePoliciesInput{RoleName: &role})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("listing its policies: %w", err)
		}
		names = append(names, page.PolicyNames...)
	}
	return names, nil
}

// policies reads inline policies at the same time; one that is gone is left out.
func (d *Driver) policies(ctx context.Context, role string, names []string) (map[string]string, error) {
	documents := make(map[string]string, len(names))
	var mu sync.Mutex
	calls, ctx := errgroup.WithContext(ctx)
	for _, name := range names {
		calls.Go(func() error {
			out, err := d.c.IAM().GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &role, PolicyName: &name})
			if awsapi.IsNotFound(err) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("reading its policy %q: %w", name, err)
			}
			document, err := decode(out.PolicyDocument)
			if err != nil {
				return fmt.Errorf("reading its policy %q: %w", name, err)
			}
			mu.Lock()
			defer mu.Unlock()
			documents[name] = document
			return nil
		})
	}
	return documents, calls.Wait()
}

// Create makes the role with its tags, then its policies.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.Role) (assembly.Identity, error) {
	in := &iam.CreateRoleInput{
		RoleName:                 &ref.Name,
		AssumeRolePolicyDocument: &want.Trust,
		Path:                     aws.String(path(want.Path)),
		Tags:                     list(ownertag.Tags(ref.Owner, want.Tags)),
	}
	if want.Description != "" {
		in.Description = &want.Description
	}
	if want.Boundary != "" {
		in.PermissionsBoundary = &want.Boundary
	}
	out, err := d.c.IAM().CreateRole(ctx, in)
	if awsapi.Is(err, "EntityAlreadyExists") {
		return ownertag.Resume(ctx, d, ref, want, err)
	}
	if err != nil {
		return assembly.Identity{}, err
	}
	// The part of IAM that takes policies may not know the role yet.
	unknown := func(err error) bool {
		return awsapi.Is(err, "NoSuchEntity") && awsapi.MessageHas(err, "cannot be found")
	}
	for _, name := range slices.Sorted(maps.Keys(want.Inline)) {
		err := d.c.Retry(ctx, "waiting until IAM knows the new role", propagationTimeout, unknown,
			func(ctx context.Context) error { return d.putPolicy(ctx, ref.Name, name, want.Inline[name]) })
		if err != nil {
			return identity(out.Role, want.Inline), err
		}
	}
	return identity(out.Role, want.Inline), nil
}

func (d *Driver) putPolicy(ctx context.Context, role, name, document string) error {
	_, err := d.c.IAM().PutRolePolicy(ctx,
		&iam.PutRolePolicyInput{RoleName: &role, PolicyName: &name, PolicyDocument: &document})
	if err != nil {
		return fmt.Errorf("writing its policy %q: %w", name, err)
	}
	return nil
}

// Update changes everything but the path in place.
func (d *Driver) Update(
	ctx context.Context,
	ref assembly.Ref,
	have *assembly.Observed[spec.Role],
	want spec.Role,
	changes []assembly.Change,
) (assembly.Identity, error) {
	id := have.Identity
	for _, c := range changes {
		var err error
		switch c.Field {
		case "description":
			_, err = d.c.IAM().
				UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: &ref.Name, Description: &want.Description})
		case "trust":
			_, err = d.c.IAM().UpdateAssumeRolePolicy(ctx,
				&iam.UpdateAssumeRolePolicyInput{RoleName: &ref.Name, PolicyDocument: &want.Trust})
		case "boundary":
			err = d.updateBoundary(ctx, ref.Name, want.Boundary)
		case "policies":
			if err = d.updatePolicies(ctx, ref.Name, have.Spec.Inline, want.Inline); err == nil {
				id.Outputs = outputs(want.Inline)
			}
		case "tags":
			err = d.updateTags(ctx, ref.Name, have.Spec.Tags, want.Tags)
		default:
			err = ownertag.Unknown(c)
		}
		if err != nil {
			return id, err
		}
	}
	return id, nil
}

func (d *Driver) updateBoundary(ctx context.Context, role, boundary string) error {
	var err error
	if boundary == "" {
		_, err = d.c.IAM().DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryInput{RoleName: &role})
	} else {
		_, err = d.c.IAM().
			PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: &role,
				PermissionsBoundary: &boundary})
	}
	return err
}

// updatePolicies writes what is wanted before it removes what is not, so that no permission is missed in between.
func (d *Driver) updatePolicies(ctx context.Context, role string, have, want map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if old, ok := have[name]; ok && policyjson.Equal(old, want[name]) {
			continue
		}
		if err := d.putPolicy(ctx, role, name, want[name]); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if _, ok := want[name]; !ok {
			if err := d.deletePolicy(ctx, role, name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Driver) updateTags(ctx context.Context, role string, have, want map[string]string) error {
	return ownertag.Retag(have, want,
		func(add map[string]string) error {
			_, err := d.c.IAM().TagRole(ctx, &iam.TagRoleInput{RoleName: &role, Tags: list(add)})
			return err
		},
		func(drop []string) error {
			_, err := d.c.IAM().UntagRole(ctx, &iam.UntagRoleInput{RoleName: &role, TagKeys: drop})
			return err
		})
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{Outputs: true} }

// Diff names path (a replacement), description, trust, boundary, policies and tags.
func (d *Driver) Diff(have, want spec.Role) []assembly.Change {
	var changes []assembly.Change
	if path(have.Path) != path(want.Path) {
		changes = append(changes, assembly.Change{Field: "path", Replace: true})
	}
	add := func(differs bool, field string) {
		if differs {
			changes = append(changes, assembly.Change{Field: field})
		}
	}
	add(have.Description != want.Description, "description")
	add(!policyjson.Equal(have.Trust, want.Trust), "trust")
	add(have.Boundary != want.Boundary, "boundary")
	add(!maps.EqualFunc(have.Inline, want.Inline, policyjson.Equal), "policies")
	add(ownertag.TagsDiffer(have.Tags, want.Tags), "tags")
	return changes
}

// path is AWS's default for an empty path.
func path(p string) string {
	if p == "" {
		return "/"
	}
	return p
}

func list(tags map[string]string) []types.Tag {
	return ownertag.List(tags, func(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} })
}

// decode takes a policy document out of the URL encoding in which IAM gives it.
func decode(document *string) (string, error) { return url.PathUnescape(aws.ToString(document)) }

func identity(r *types.Role, inline map[string]string) assembly.Identity {
	return assembly.Identity{ID: aws.ToString(r.RoleName), ARN: aws.ToString(r.Arn), Outputs: outputs(inline)}
}

func outputs(inline map[string]string) map[string]string {
	if len(inline) == 0 {
		return nil
	}
	return map[string]string{policiesOutput: strings.Join(slices.Sorted(maps.Keys(inline)), " ")}
}

func recorded(ref assembly.Ref) []string { return strings.Fields(ref.Outputs[policiesOutput]) }
